# A minute on two CPU cores: a small character model on a text so short that it
# learns it by heart.  Validation turns, and everybody can see it.

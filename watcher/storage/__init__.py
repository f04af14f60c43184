"""The database: schema, migrations, rows and chunks of columns."""

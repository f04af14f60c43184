"""Points for other tools: TensorBoard event files, Parquet, MLflow."""

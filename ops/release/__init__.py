"""What is deployed: its status, logs and history, and the rollback to an earlier revision."""

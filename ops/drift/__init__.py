"""Changes in the cluster that the stack did not make."""

"""What somebody else changed in the cluster."""

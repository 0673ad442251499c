"""What a stack file means, told without engine and cluster."""

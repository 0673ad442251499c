"""What a stack file means, without engine or cluster."""

"""What the tests run against: real servers, a real Postgres, and ways to interrupt it."""

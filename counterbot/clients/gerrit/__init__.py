"""What Gerrit is asked and told. Decides nothing."""

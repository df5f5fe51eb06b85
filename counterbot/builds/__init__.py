"""What a finished build left behind: its logs, and a reader a module for what is read of them. Judges nothing."""

"""What the processors share that take and change metrics as their user says: not a component."""

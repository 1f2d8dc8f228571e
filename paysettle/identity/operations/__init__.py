"""What people and staff do with people, parties and sessions."""

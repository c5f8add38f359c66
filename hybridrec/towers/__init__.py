"""The three towers, behind one contract; none imports another."""

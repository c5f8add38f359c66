"""How interests move: whose, from what to what, and when the shop's recommender is due anew."""

"""A BERT encoder, fine-tuned on what people choose together."""

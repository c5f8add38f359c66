"""Why: scores taken apart, evidence, sentences, pages."""

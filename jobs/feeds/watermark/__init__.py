"""Changes found by a watermark: the question for news, the rows, whole copies."""

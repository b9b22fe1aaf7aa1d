"""The ways to keep the read side in step, run one after the other on the same work, and measured."""

//! Packages that misbehave, all at once, beside one that doesn't.

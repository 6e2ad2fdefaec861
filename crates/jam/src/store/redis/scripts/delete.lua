-- KEYS: the value, its index if it has one. ARGV: the id. Returns how many were deleted.
return forget(KEYS[1], KEYS[2], ARGV[1])

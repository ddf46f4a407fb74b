-- A version of a copy; 0 where it is from further ahead than any clock can be, so that one such number keeps nothing
-- that comes after it from being seen.
local function version_of(pending, field, latest)
  local version = tonumber(pending[field]) or 0
  return version <= latest and version or 0
end

-- A version in a copy, or 0 if it is further ahead than any clock can be: otherwise nothing that is written after such
-- a version would be seen.
local function version_of(pending, field, latest)
  local version = tonumber(pending[field]) or 0
  return version <= latest and version or 0
end

-- Functions for versions, which are digits. `latest` is the greatest version that can be. A greater one counts as 0:
-- otherwise nothing that is written after such a version would be seen.
local function number(digits, latest)
  local version = tonumber(digits) or 0
  return version <= latest and version or 0
end
local function digits(version) return string.format('%.0f', tonumber(version) or 0) end
local function newest_of(a, b, latest) return number(b, latest) > number(a, latest) and b or a end

-- Keeps what happened to jobs last. KEYS: that of each job. ARGV: for each job its event as JSON and a TTL. Which of two
-- states stands is said in domain/job-events.ts.
local function state_of(event) return event and string.match(event, '"state":"(%a+)"') end
local function at_of(event) return tonumber(string.match(event, '"at":(%d+)')) or 0 end
local function is_final(state) return state == 'superseded' or state == 'cancelled' end
local function replaces(event, known)
  local state, before = state_of(event), state_of(known)
  if before == 'succeeded' then return false end
  if state == 'succeeded' then return true end
  if is_final(before) then return false end
  return not before or is_final(state) or at_of(event) >= at_of(known)
end
for i, key in ipairs(KEYS) do
  local event, ttl = ARGV[2 * i - 1], ARGV[2 * i]
  if replaces(event, redis.call('GET', key)) then redis.call('SET', key, event, 'EX', ttl) end
end

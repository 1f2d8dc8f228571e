-- Payments for wrk, with one thread.
--   wrk -t1 … URL -- TOKENS PAYEES LOG RUN RATE
-- TOKENS and PAYEES are files with a line for each. LOG is written: what the client was told, as `ledger verify
-- --acknowledged` reads it, with `us`, how long it took in microseconds, and `at`, when it was answered in seconds;
-- and `! status body` for whatever is not 201. RATE is payments a second for an open loop, 0 for a closed one. In an
-- open loop a payment is due at its time whether or not earlier ones were answered, and its latency counts from then.

local ffi = require("ffi")
ffi.cdef([[
typedef struct { long s; long ns; } bench_time;
int clock_gettime(int clock, bench_time *time);
]])
local MONOTONIC = 1
local moment = ffi.new("bench_time")

local function now_s()
  ffi.C.clock_gettime(MONOTONIC, moment)
  return tonumber(moment.s) + tonumber(moment.ns) / 1e9
end

local function lines(path)
  local found = {}
  for line in io.lines(path) do
    found[#found + 1] = line
  end
  return found
end

local heads, payees, log, run = {}, {}, nil, ""
local began = {}
local number = 0

-- An open loop: a connection that is free takes the next slot and waits for it.
local interval_s, first_s, slot = 0, nil, 0
local due, due_first, due_last = {}, 1, 0

local function take_slot()
  local now = now_s()
  first_s = first_s or now
  local at = first_s + slot * interval_s
  slot = slot + 1
  due_last = due_last + 1
  due[due_last] = at
  return math.max(0, math.ceil((at - now) * 1000))
end

function init(arguments)
  for _, token in ipairs(lines(arguments[1])) do
    heads[#heads + 1] = "POST " .. wrk.path .. " HTTP/1.1\r\nHost: " .. wrk.host .. ":" .. wrk.port
      .. "\r\nContent-Type: application/json\r\nAuthorization: Bearer " .. token .. "\r\nIdempotency-Key: "
  end
  payees = lines(arguments[2])
  log = assert(io.open(arguments[3], "w"))
  log:setvbuf("full", 65536)
  run = arguments[4]
  local rate = tonumber(arguments[5])
  math.randomseed(tonumber(run:match("%d+")) or 1)
  if rate > 0 then
    interval_s = 1 / rate
    delay = take_slot -- wrk asks for it when it exists
  end
end

function request()
  number = number + 1
  local key = run .. "-" .. number
  local payer, payee = math.random(#heads), math.random(#payees)
  if payer == payee and #payees > 1 then
    payee = payee % #payees + 1 -- both lists are of the same people: nobody pays themself
  end
  local body = '{"payee":"' .. payees[payee] .. '","amount":{"amount":' .. math.random(100, 99999)
    .. ',"currency":"EUR"},"reference":"' .. key .. '"}'
  local at = due[due_first]
  if at then
    due[due_first] = nil
    due_first = due_first + 1
  end
  began[key] = at or now_s()
  return heads[payer] .. key .. "\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
end

function response(status, headers, body)
  local key = body:match('"reference":"([^"]+)"')
  if status ~= 201 or not key then
    log:write("! ", status, " ", body:sub(1, 300):gsub("%s+", " "), "\n")
    return
  end
  local now = now_s()
  log:write('{"party":"', body:match('"payer":{"id":"([^"]+)"'), '","key":"', key, '","outcome":"ok","payment":"',
    body:match('"id":"(pay_[^"]+)"'), '","payee":"', body:match('"payee":{"id":"([^"]+)"'), '","amount":',
    body:match('"amount":{"amount":(%d+)'), ',"currency":"', body:match('"currency":"(%u+)"'), '","us":',
    math.floor((now - began[key]) * 1e6), ',"at":', string.format("%.6f", now), "}\n")
  began[key] = nil
end

function done(summary)
  local e = summary.errors
  io.write("errors ", e.connect + e.read + e.write + e.timeout, "\n")
end

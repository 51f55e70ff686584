-- Pktgen-DPDK: send a pcap of DNS questions and print, each second, questions and answers.
--
-- What to expect: a line a second with both rates in millions, after it totals and the share that
-- was answered; a share under 100 % at full rate means that Lictor or the wire is saturated.
-- Lower RATE (percent of the link's, 100 unless given) until nothing is lost to find the rate without
-- loss; DURATION is 30 seconds unless given. ARP is not needed: the capture's destination MAC must be
-- the port's "mac" in Lictor's configuration.
--
--   scripts/pktgen/make_queries --count 30000 --services 1000 /tmp/questions.pcap
--   cd PKTGEN && RATE=10 build/app/pktgen -l 0-2 -a 0000:01:00.0 -- -P -m "[1:2].0" \
--           -s 0:/tmp/questions.pcap -f LICTOR/scripts/pktgen/pktgen-dns.lua

require "Pktgen" -- found where pktgen is started: in its source tree

local port = 0
local rate = tonumber(os.getenv("RATE") or 100)
local seconds = tonumber(os.getenv("DURATION") or 30)
local settle_ms = 2500 -- Pktgen reads a port's counters once a second

local function counters()
        local stats = pktgen.portStats(tostring(port), "port")[port]
        return stats.opackets, stats.ipackets
end

local function main()
        local name = tostring(port)

        pktgen.screen("off")
        pktgen.stop(name)
        pktgen.clear(name)
        pktgen.set(name, "count", 0)
        pktgen.set(name, "rate", rate)
        pktgen.pcap(name, "on")
        pktgen.delay(settle_ms)

        local first_sent, first_answered = counters()
        local sent, answered = first_sent, first_answered
        pktgen.start(name)
        for second = 1, seconds do
                local last_sent, last_answered = sent, answered
                pktgen.delay(1000)
                sent, answered = counters()
                printf("%3d s  %7.3f M questions/s  %7.3f M answers/s\n", second,
                        (sent - last_sent) / 1e6, (answered - last_answered) / 1e6)
        end
        pktgen.stop(name)
        pktgen.delay(settle_ms)
        sent, answered = counters()
        sent, answered = sent - first_sent, answered - first_answered
        printf("%d questions, %d answers, %.3f %%\n", sent, answered,
                sent > 0 and answered * 100.0 / sent or 0)
        pktgen.quit()
end

main()

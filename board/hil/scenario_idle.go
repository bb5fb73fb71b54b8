package main

import (
	"fmt"
	"strings"
	"time"
)

// readerIdles measures a reader to whom nobody comes, once its light has gone
// out: as long as it is on, the picture is sent again and again.
func readerIdles(l *lane) string {
	readerIsAdopted(l)
	eventually(l.m.ctx, "the light goes out", func() bool { return !l.m.chips.state().Lines["backlight"] })
	l.m.agent.sleep(time.Second) // for what goes with it
	// A wake-up is the processor going from its idle task to the reader.
	l.m.agent.root("mount -t tracefs none /sys/kernel/tracing && cd /sys/kernel/tracing && " +
		`echo 'prev_pid==0 && next_comm=="latchkeyd"' > events/sched/sched_switch/filter && echo 1 > events/sched/sched_switch/enable`)
	first := l.usage()
	l.m.agent.sleep(20 * time.Second)
	second := l.usage()
	trace := l.m.agent.read("/sys/kernel/tracing/trace")
	l.m.agent.root("echo 0 > /sys/kernel/tracing/events/sched/sched_switch/enable; umount /sys/kernel/tracing")
	wakeups, all, last := 0, 0, 0.0
	for line := range strings.Lines(string(trace)) {
		var at float64
		if before, _, ok := strings.Cut(line, ": sched_switch:"); ok {
			fields := strings.Fields(before)
			if _, err := fmt.Sscan(fields[len(fields)-1], &at); err != nil || at < first.at || at > second.at {
				continue
			}
			// No timer of the reader's is shorter than 2 ms: what comes sooner is Go's
			// runtime, which naps while it is awake (sysmon).
			if at-last > 0.002 {
				wakeups++
			}
			all, last = all+1, at
		}
	}
	seconds := second.at - first.at
	switches := float64(second.switches-first.switches) / seconds
	l.figure("times that the reader wakes the sleeping processor, cards polled (at most 15 a second)", "%.1f a second, %.1f with naps of Go's runtime", float64(wakeups)/seconds, float64(all)/seconds)
	l.figure("processor time of the reader per idle minute, cards polled (emulated processor)", "%.2f s", float64(second.ticks-first.ticks)/100*60/seconds)
	l.figure("context switches of the reader per idle minute, cards polled, transfers included", "%.0f (%.1f a second)", switches*60, switches)
	l.figure("resident memory of the reader", "%.1f MiB (at most %.1f MiB)", float64(second.resident)/1024, float64(second.peak)/1024)
	for _, port := range []string{"nfc", "panel", "touch"} {
		n := second.chips.Counters[port].Transfers - first.chips.Counters[port].Transfers
		l.figure("transfers to the "+port+" per idle minute", "%.0f", float64(n)*60/seconds)
	}
	return fmt.Sprintf("watched for %.0f s", seconds)
}

// usage is what the reader has used so far.
type usage struct {
	at             float64 // seconds since the kernel started
	ticks          int     // of 10 ms, in user and kernel mode
	switches       int     // voluntary ones, of all threads
	resident, peak int     // KiB
	chips          chipState
}

func (l *lane) usage() (u usage) {
	dir := fmt.Sprintf("/proc/%d", l.reader)
	stat := string(l.m.agent.read(dir + "/stat"))
	// Fields 14 and 15 of proc(5); the second, in parentheses, may have blanks.
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	var user, system int
	_, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system)
	check(err)
	u.ticks = user + system
	for line := range strings.Lines(l.m.agent.must("/bin/sh", "-c", "cat "+dir+"/task/*/status")) {
		var n int
		key, value, _ := strings.Cut(line, ":")
		if _, err := fmt.Sscan(value, &n); err != nil {
			continue
		}
		switch key {
		case "voluntary_ctxt_switches":
			u.switches += n
		case "VmRSS":
			u.resident = n
		case "VmHWM":
			u.peak = n
		}
	}
	u.chips = l.m.chips.state()
	u.at = l.m.agent.uptime()
	return u
}

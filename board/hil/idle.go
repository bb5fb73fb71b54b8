package main

import (
	"fmt"
	"strings"
	"time"
)

// idle measures a reader while nobody comes, once its light has gone out: as
// long as it is on, the picture is sent again and again.
func idle(b *bench) (string, error) {
	if _, err := adoption(b); err != nil {
		return "", err
	}
	err := b.eventually("the light goes out", func() (bool, error) {
		s, err := b.m.chips.state()
		return err == nil && !s.Lines["backlight"], err
	})
	if err != nil {
		return "", err
	}
	if err := b.m.agent.pass(time.Second); err != nil { // for what goes with it
		return "", err
	}
	const watched = 20 * time.Second
	// A wake-up is the processor going from its idle task to the reader.
	const tracing = "mount -t tracefs none /sys/kernel/tracing && cd /sys/kernel/tracing && "
	if err := b.root(tracing + `echo 'prev_pid==0 && next_comm=="latchkeyd"' > events/sched/sched_switch/filter && echo 1 > events/sched/sched_switch/enable`); err != nil {
		return "", err
	}
	first, err := b.usage()
	if err != nil {
		return "", err
	}
	if err := b.m.agent.pass(watched); err != nil {
		return "", err
	}
	second, err := b.usage()
	if err != nil {
		return "", err
	}
	trace, err := b.m.agent.read("/sys/kernel/tracing/trace")
	if err != nil {
		return "", err
	}
	if err := b.root("echo 0 > /sys/kernel/tracing/events/sched/sched_switch/enable; umount /sys/kernel/tracing"); err != nil {
		return "", err
	}
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
	minutes := (second.at - first.at) / 60
	switches := float64(second.switches-first.switches) / (second.at - first.at)
	b.figure("times that the reader wakes the sleeping processor, cards polled (at most 15 a second)", "%.1f a second, %.1f with naps of Go's runtime", float64(wakeups)/60/minutes, float64(all)/60/minutes)
	b.figure("processor time of the reader per idle minute, cards polled (emulated processor)", "%.2f s", float64(second.ticks-first.ticks)/100/minutes)
	b.figure("context switches of the reader per idle minute, cards polled, transfers included", "%.0f (%.1f a second)", switches*60, switches)
	b.figure("resident memory of the reader", "%.1f MiB (at most %.1f MiB)", float64(second.resident)/1024, float64(second.peak)/1024)
	for _, port := range []string{"nfc", "panel", "touch"} {
		n := second.chips.Counters[port].Transfers - first.chips.Counters[port].Transfers
		b.figure("transfers to the "+port+" per idle minute", "%.0f", float64(n)/minutes)
	}
	return fmt.Sprintf("%.0f s watched", second.at-first.at), nil
}

// usage is what a process has used so far.
type usage struct {
	at             float64 // seconds since the kernel started
	ticks          int     // of 10 ms, in user and kernel mode
	switches       int     // voluntary ones, of all threads
	resident, peak int     // KiB
	chips          chipState
}

func (b *bench) usage() (u usage, err error) {
	dir := fmt.Sprintf("/proc/%d", b.reader)
	stat, err := b.m.agent.read(dir + "/stat")
	if err != nil {
		return u, err
	}
	// The name, in parentheses, may have blanks; proc(5) counts from 1.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 13 {
		return u, fmt.Errorf("%s/stat: %q", dir, stat)
	}
	var user, system int
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		return u, err
	}
	u.ticks = user + system
	all, err := b.m.agent.must("/bin/sh", "-c", "cat "+dir+"/task/*/status")
	if err != nil {
		return u, err
	}
	for line := range strings.Lines(all) {
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
	if u.chips, err = b.m.chips.state(); err != nil {
		return u, err
	}
	u.at, err = b.m.agent.uptime()
	return u, err
}

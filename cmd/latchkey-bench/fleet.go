package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"latchkey/cmd/latchkey-bench/internal/fleet"
)

// runFleet runs readers by the thousand against a real controller and a real Mosquitto.
func runFleet(args []string) error {
	flags := flag.NewFlagSet("latchkey-bench fleet", flag.ExitOnError)
	s := fleet.Site{}
	var c fleet.Scenario
	flags.StringVar(&s.Dir, "dir", "", "the `directory` for site, broker and readers, kept from one run to the next; a new one unless given")
	flags.StringVar(&s.Controller, "controller", "", "the latchkey-controller; built from this source unless given")
	flags.StringVar(&s.Mosquitto, "mosquitto", "", "the Mosquitto; the system's unless given")
	flags.IntVar(&c.Readers, "readers", 1000, "how many readers")
	flags.Uint64Var(&c.Seed, "seed", 1, "decides whom faults befall")
	flags.DurationVar(&c.Boot, "boot", 2*time.Second, "how long a board takes to its first dial, at least; half as long again at most")
	flags.DurationVar(&c.Within, "within", 5*time.Minute, "the most that a step may take")
	flags.IntVar(&c.Changes, "changes", 3, "how many changes are made, one after the other")
	flags.DurationVar(&c.BrokerDown, "broker-down", 5*time.Second, "how long the broker is away after it was killed; 0: it is not killed")
	flags.BoolVar(&c.PowerCut, "power-cut", true, "all readers lose their power at one moment")
	flags.Float64Var(&c.Lose, "lose", 0.01, "the `share` of readers that lose their disks in the power cut")
	flags.Float64Var(&c.Churn, "churn", 20, "how many connections break a second, at the end")
	flags.Float64Var(&c.Records, "records", 100, "how many records the readers make a second meanwhile")
	flags.DurationVar(&c.ChurnsFor, "churn-for", 20*time.Second, "for how long")
	flags.DurationVar(&c.Calm, "calm", time.Minute, "for how long nothing happens after that")
	flags.Float64Var(&c.Faults.Slow, "slow", 0.05, "the `share` of readers on a slow link")
	flags.DurationVar(&c.Faults.SlowDelay, "slow-delay", 100*time.Millisecond, "what a slow link adds to each read and write")
	flags.IntVar(&c.Faults.SlowRate, "slow-rate", 16<<10, "`bytes` a second on a slow link")
	flags.Float64Var(&c.Faults.WrongClocks, "wrong-clocks", 0.05, "the `share` of readers whose clocks are wrong at a start")
	flags.Parse(args)
	if flags.NArg() > 0 {
		return fmt.Errorf("fleet takes no %q", flags.Arg(0))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	if s.Dir == "" {
		if s.Dir, err = os.MkdirTemp("", "latchkey-fleet-*"); err != nil {
			return err
		}
		defer os.RemoveAll(s.Dir)
	} else if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return err
	}
	if err := s.Find(ctx); err != nil {
		return err
	}
	if err := fleet.AllowFiles(uint64(c.Readers) + 1000); err != nil {
		return err
	}
	_, err = c.Run(ctx, &s, os.Stdout)
	return err
}

// Command latchkey-demo sets up and starts a demonstration: a site with a
// controller, a broker, one simulated reader, a user with a PIN, a user with a
// card, a token for a program, and a second simulated reader that waits to be adopted. It does nothing that a person could not do with latchkey-controller,
// mosquitto and latchkeyd by hand, and prints each command.
//
// It keeps everything, the PIN, the card's UID and the token too, below one directory:
// they open the door the next time as well.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// awayFor is how long what was killed of a cluster stays away, unless a flag says it.
const awayFor = 15 * time.Second

func main() {
	var d demo
	several := flag.Bool("cluster", false, "two controllers on one PostgreSQL, two brokers, three readers; the addresses are chosen when it is set up")
	away := flag.Duration("away", awayFor, "how `long` what was killed of a cluster stays away")
	flag.StringVar(&d.bin, "bin", "bin", "`directory` of latchkeyd and latchkey-controller")
	flag.StringVar(&d.dir, "dir", "var", "`directory` that keeps the demonstration")
	flag.StringVar(&d.listen, "listen", "127.0.0.1:8081", "`address` of the simulated board's page")
	flag.StringVar(&d.second, "second", "127.0.0.1:8082", "`address` of the page of the second board, which waits to be adopted")
	flag.StringVar(&d.console, "console", "127.0.0.1:8443", "`address` of the controller's console")
	flag.StringVar(&d.api, "api", "127.0.0.1:12445", "`address` of the controller's API for programs")
	flag.StringVar(&d.adoption, "adoption", "127.0.0.1:8447", "`address` at which the controller takes new readers")
	flag.StringVar(&d.broker, "broker", "127.0.0.1:18883", "`address` of the broker; a demonstration that was set up before keeps its own")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	run := d.run
	if *several {
		run = (&cluster{demo: d, away: *away}).run
	}
	if err := run(ctx); err != nil && ctx.Err() == nil { // an interrupt is no error
		fmt.Fprintln(os.Stderr, "latchkey-demo:", err)
		os.Exit(1)
	}
}

// demo has the directories and addresses of the flags.
type demo struct{ bin, dir, listen, second, console, api, adoption, broker string }

// run sets up what is missing and runs the demonstration until ctx ends.
func (d *demo) run(ctx context.Context) error {
	if err := d.free(); err != nil {
		return err
	}
	known, err := d.setUp(ctx)
	if err != nil {
		return err
	}
	d.broker = known.Broker
	if err := d.makeSecond(known); err != nil {
		return err
	}
	return d.start(ctx, known)
}

// Command latchkey-demo sets up and starts a demonstration: a site with a
// controller, a broker, one simulated reader, a user with a PIN and a user with
// a card. It does nothing that a person could not do with latchkey-controller,
// mosquitto and latchkeyd by hand, and says what it does.
//
// Everything is kept below one directory, the PIN and the card's UID too, so
// that the same ones open the door the next time.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	var d demo
	flag.StringVar(&d.bin, "bin", "bin", "`directory` of latchkeyd and latchkey-controller")
	flag.StringVar(&d.dir, "dir", "var", "`directory` that keeps the demonstration")
	flag.StringVar(&d.listen, "listen", "127.0.0.1:8081", "`address` of the simulated board's page")
	flag.StringVar(&d.console, "console", "127.0.0.1:8443", "`address` of the controller's console")
	flag.StringVar(&d.broker, "broker", "127.0.0.1:18883", "`address` of the broker; one that was set up before stays")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := d.run(ctx); err != nil && ctx.Err() == nil { // whoever ends it knows why
		fmt.Fprintln(os.Stderr, "latchkey-demo:", err)
		os.Exit(1)
	}
}

// demo is where things are.
type demo struct{ bin, dir, listen, console, broker string }

// run sets up what is missing and runs the demonstration until ctx ends.
func (d *demo) run(ctx context.Context) error {
	known, err := d.setUp(ctx)
	if err != nil {
		return err
	}
	d.broker = known.Broker
	return d.start(ctx, known)
}

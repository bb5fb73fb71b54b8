// Command hil is the test bench on an emulated ARM machine: it boots a stock
// arm64 kernel in QEMU with the real latchkeyd in it, unmodified and built with
// the packages' tags, and puts the chips of board/sim on the far side of the
// kernel's own SPI bus. The door's lines end in QEMU, where the bench reads and
// drives them.
//
//	hil [--out DIR] [--only EXPRESSION]
//	                       runs all scenarios, or those that match, on four
//	                       machines, three at a time; DIR/report.md says what was
//	                       proved
//	hil forward ADDRESS    copies standard input and output to ADDRESS, for QEMU
//
// It fetches what it needs of Debian with apt, once, into $LATCHKEY_HIL_CACHE
// (by default a directory of the user's cache). It needs qemu-system-aarch64,
// gcc and binutils for aarch64, make, mkfs.ext4, swtpm and swtpm_setup.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	out := flag.String("out", filepath.Join("var", "hil"), "`directory` for the report, pictures and logs")
	only := flag.String("only", "", "run only scenarios whose name matches the `expression`, and those that they need")
	limit := flag.Duration("limit", 20*time.Minute, "stop, and fail, after that `time`, downloads included")
	flag.Parse()
	var err error
	if flag.Arg(0) == "forward" && flag.NArg() == 2 {
		err = forward(flag.Arg(1))
	} else if flag.NArg() == 0 {
		var expression *regexp.Regexp
		if expression, err = regexp.Compile(*only); err == nil {
			ctx, cancel := context.WithTimeout(ctx, *limit)
			defer cancel()
			err = run(ctx, *out, expression)
		}
	} else {
		flag.Usage()
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "hil:", err)
		os.Exit(1)
	}
}

// forward copies between standard input and output and a TCP connection, until
// either side ends. QEMU starts it for each connection that the machine makes
// to the broker.
func forward(address string) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	ended := make(chan error, 2)
	go func() {
		_, err := io.Copy(conn, os.Stdin)
		ended <- err
	}()
	go func() {
		_, err := io.Copy(os.Stdout, conn)
		ended <- err
	}()
	return <-ended
}

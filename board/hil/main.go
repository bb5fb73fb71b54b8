// Command hil is the test bench on an emulated ARM machine: it boots a stock
// arm64 kernel in QEMU with the real latchkeyd in it, unmodified and built with
// the packages' tags, and puts the chips of board/sim on the far side of the
// kernel's own SPI bus. The door's lines end in QEMU, where the bench sees and
// drives them.
//
//	hil [--out DIR]        runs all scenarios, on three machines side by side;
//	                       DIR/report.md says what was proved
//	hil forward ADDRESS    copies standard input and output to ADDRESS, for QEMU
//
// What it needs of the distribution it fetches with apt, once, into
// $LATCHKEY_HIL_CACHE (by default a directory of the user's cache). It needs
// qemu-system-aarch64, gcc and binutils for aarch64, make, and mkfs.ext4.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	out := flag.String("out", filepath.Join("var", "hil"), "`directory` for the report, the pictures and the consoles")
	only := flag.String("only", "", "run only scenarios whose name matches the `expression`, and those that prepare them")
	limit := flag.Duration("limit", runLimit, "end, and fail, after that `time`")
	flag.Parse()
	var err error
	if flag.Arg(0) == "forward" && flag.NArg() == 2 {
		err = forward(flag.Arg(1))
	} else if flag.NArg() == 0 {
		var expression *regexp.Regexp
		if expression, err = regexp.Compile(*only); err == nil {
			err = run(ctx, *out, expression, *limit)
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

// cacheDir is where fetched packages and built modules are kept.
func cacheDir() (string, error) {
	dir := os.Getenv("LATCHKEY_HIL_CACHE")
	if dir == "" {
		caches, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(caches, "latchkey-hil")
	}
	return dir, os.MkdirAll(dir, 0o755)
}

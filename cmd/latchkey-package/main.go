// Command latchkey-package makes the Debian packages of latchkeyd and
// latchkey-controller: it builds the programs, static and without the simulated
// board, lists their dependencies and licences, and has nfpm pack them. Two runs
// over the same source with the same version make the same bytes.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "latchkey-package:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("latchkey-package", flag.ContinueOnError)
	out := flags.String("out", "", "the `directory` that the packages go to")
	version := flags.String("version", "", "of the programs, as git describes it")
	built := flags.Int64("built", 0, "when that was committed, in Unix `seconds`")
	only := flags.String("arch", "amd64,arm64,armhf", "Debian's names of the `architectures`")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	if *out == "" || *version == "" {
		return errors.New("needs -out and -version")
	}
	r := release{version: *version, built: time.Unix(*built, 0).UTC()}
	for _, p := range products {
		for _, arch := range strings.Split(*only, ",") {
			if slices.Contains(p.not, arch) {
				continue
			}
			path, err := r.pack(p, arch, *out)
			if err != nil {
				return err
			}
			fmt.Println(path)
		}
	}
	return nil
}

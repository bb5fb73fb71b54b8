// Command latchkey-bench runs the project's benchmarks and sets each figure
// against its target. It judges nothing but prints what missed, and then exits
// with 1: times depend on the machine, so the figures are ratios and counts
// where they can be.
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"text/tabwriter"
)

// run is one call of go test -bench.
type run struct{ pkg, bench, time string }

// figure is a number that matters: of a benchmark's metric, or two metrics'
// quotient.
type figure struct {
	what   string
	metric string // "Benchmark unit"
	over   string // "" or the metric that divides it
	unit   string
	most   float64 // the target: at most this
}

func main() {
	if err := bench(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "latchkey-bench:", err)
		os.Exit(1)
	}
}

func bench(out io.Writer) error {
	measured := map[string]float64{}
	for _, r := range runs {
		fmt.Fprintf(os.Stderr, "measuring %s %s\n", r.pkg, r.bench)
		if err := r.measure(measured); err != nil {
			return err
		}
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "figure\tmeasured\tat most\t")
	missed := 0
	for _, f := range figures {
		value, found := measured[f.metric]
		if f.over != "" {
			below, foundToo := measured[f.over]
			value, found = value/below, found && foundToo && below != 0
		}
		switch {
		case !found:
			fmt.Fprintf(table, "%s\tnot measured\t%s %s\tMISSED\n", f.what, number(f.most), f.unit)
			missed++
		case f.most == 0:
			fmt.Fprintf(table, "%s\t%s %s\t\t\n", f.what, number(value), f.unit)
		case value > f.most:
			fmt.Fprintf(table, "%s\t%s %s\t%s\tMISSED\n", f.what, number(value), f.unit, number(f.most))
			missed++
		default:
			fmt.Fprintf(table, "%s\t%s %s\t%s\tok\n", f.what, number(value), f.unit, number(f.most))
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if missed > 0 {
		return fmt.Errorf("%d of %d figures missed their target", missed, len(figures))
	}
	return nil
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }

// measure runs benchmarks and adds their metrics.
func (r run) measure(into map[string]float64) error {
	cmd := exec.Command("go", "test", "-run", "^$", "-bench", "^Benchmark("+r.bench+")$", "-benchtime", r.time, "-benchmem", "-timeout", "20m", r.pkg)
	cmd.Stderr = os.Stderr
	printed, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", r.pkg, err, printed)
	}
	for lines := bufio.NewScanner(bytes.NewReader(printed)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name := strings.TrimPrefix(fields[0], "Benchmark")
		if i := strings.LastIndexByte(name, '-'); i > 0 {
			name = name[:i]
		}
		for i := 2; i+1 < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return fmt.Errorf("%s: %q: %w", r.pkg, lines.Text(), err)
			}
			into[name+" "+fields[i+1]] = value
		}
	}
	return nil
}

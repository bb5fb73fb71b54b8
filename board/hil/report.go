package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// row is one thing that was to be proved.
type row struct {
	what, how string
	err       error
	took      time.Duration
}

// figure is one thing that was measured.
type figure struct{ what, value string }

// report collects what was proved.
type report struct {
	rows            []row
	prepared, total time.Duration
}

func (r *report) add(what, how string, err error, took time.Duration) {
	r.rows = append(r.rows, row{what, how, err, took})
	verdict := "ok  "
	if err != nil {
		verdict = "FAIL"
	}
	fmt.Printf("%s %5.1f s  %s\n", verdict, took.Seconds(), what)
	if err != nil {
		fmt.Printf("     %s\n", strings.ReplaceAll(err.Error(), "\n", "\n     "))
	}
}

// failed counts the rows that were not proved.
func (r *report) failed() (n int) {
	for _, row := range r.rows {
		if row.err != nil {
			n++
		}
	}
	return n
}

// markdown is the report: what it ran on, what was proved and how, figures.
func (r *report) markdown(w io.Writer, machine string, figures []figure) {
	fmt.Fprintf(w, "# The reader on an emulated ARM board\n\n%s\n\n", machine)
	fmt.Fprintf(w, "Prepared in %.0f s, all in %.0f s.\n\n", r.prepared.Seconds(), r.total.Seconds())
	fmt.Fprintln(w, "| figure | value |\n|---|---|")
	for _, f := range figures {
		fmt.Fprintf(w, "| %s | %s |\n", f.what, f.value)
	}
	fmt.Fprintln(w, "\n| proved | how | |\n|---|---|---|")
	for _, row := range r.rows {
		verdict, how := "ok", row.how
		if row.err != nil {
			verdict, how = "**failed**", strings.Join(strings.Fields(row.err.Error()), " ")
		}
		fmt.Fprintf(w, "| %s | %s | %s |\n", cell(row.what), cell(how), verdict)
	}
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

// write writes the report to the run's directory and prints it. Its error says
// how much was not proved.
func (r *report) write(b *bench) error {
	machine := fmt.Sprintf("Kernel %s-arm64 (Debian), QEMU virt with a Cortex-A53, SPI and the chips' pins through the module %s.", b.stock.abi, moduleName)
	var text strings.Builder
	r.markdown(&text, machine, b.figures)
	fmt.Println()
	fmt.Print(text.String())
	if err := os.WriteFile(filepath.Join(b.out, "report.md"), []byte(text.String()), 0o644); err != nil {
		return err
	}
	if n := r.failed(); n > 0 {
		return fmt.Errorf("%d of %d were not proved; consoles and pictures are in %s", n, len(r.rows), b.out)
	}
	return nil
}

package main

import (
	"bytes"
	"fmt"
	"os/exec"
)

// printed prints what a program does, line by line, with its name before each.
type printed struct {
	name  string
	heard func(line string) // each line, too; or nil
	rest  []byte            // of a line that has not ended
}

func (p *printed) Write(b []byte) (int, error) {
	p.rest = append(p.rest, b...)
	for {
		line, rest, whole := bytes.Cut(p.rest, []byte("\n"))
		if !whole {
			return len(b), nil
		}
		fmt.Printf("%-12s  %s\n", p.name, line)
		if p.heard != nil {
			p.heard(string(line))
		}
		p.rest = rest
	}
}

// forward starts a program and prints its lines with its name before them.
func forward(name string, cmd *exec.Cmd) error {
	out := &printed{name: name}
	cmd.Stdout, cmd.Stderr = out, out
	return cmd.Start()
}

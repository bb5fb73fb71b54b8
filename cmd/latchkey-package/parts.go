package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// part is something that a program contains: a module, Go's standard library, or
// a file that others have written.
type part struct {
	path     string // of the module; "std" is the standard library
	version  string // without a leading v or go
	licence  string // SPDX
	text     []byte // of the licence, with notices that go with it
	embedded bool   // a file in our own module
}

// licenceFiles are the names under which modules keep their licences and the
// notices that go with them.
var licenceFiles = []string{"LICENSE*", "LICENCE*", "COPYING*", "NOTICE*", "PATENTS*"}

// parts lists what a command contains, sorted by path, embedded files last.
func parts(root string, env []string, p product, command string) ([]part, error) {
	out, err := output(root, env, "go", "list", "-deps", "-tags", p.tags,
		"-f", "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Version}}\t{{.Dir}}{{end}}{{end}}", command)
	if err != nil {
		return nil, err
	}
	goroot, err := output(root, env, "go", "env", "GOROOT", "GOVERSION")
	if err != nil {
		return nil, err
	}
	dir, version, _ := strings.Cut(strings.TrimSpace(string(goroot)), "\n")
	version, _, _ = strings.Cut(version, " ") // experiments follow
	lines := append(strings.Split(strings.TrimSpace(string(out)), "\n"), "std\t"+version+"\t"+dir)
	slices.Sort(lines)
	var all []part
	for _, line := range slices.Compact(lines) {
		if line == "" {
			continue
		}
		field := strings.Split(line, "\t")
		text, err := licenceText(field[2])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", field[0], err)
		}
		licence := spdx(string(text))
		if licence == "" {
			return nil, fmt.Errorf("%s has an unknown licence: see %s, and add it to spdx", field[0], field[2])
		}
		all = append(all, part{path: field[0], version: strings.TrimLeft(field[1], "vgo"), licence: licence, text: text})
	}
	embedded, err := embedded(root, p)
	return append(all, embedded...), err
}

// licenceText returns the licence files of a directory, one after the other.
func licenceText(dir string) ([]byte, error) {
	var text [][]byte
	for _, pattern := range licenceFiles {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return nil, err
		}
		for _, file := range found {
			if info, err := os.Stat(file); err != nil || info.IsDir() {
				continue
			}
			b, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			text = append(text, bytes.TrimSpace(b))
		}
	}
	if text == nil {
		return nil, fmt.Errorf("no licence in %s", dir)
	}
	return bytes.Join(text, []byte("\n\n")), nil
}

// embedded lists the files that others have written: each has its licence beside
// it, NAME.LICENSE.
func embedded(root string, p product) ([]part, error) {
	var all []part
	err := filepath.WalkDir(filepath.Join(root, "cmd", p.name), func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && entry.Name() == "testdata" {
			return filepath.SkipDir
		}
		name, is := strings.CutSuffix(entry.Name(), ".LICENSE")
		if !is {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		licence := spdx(string(text))
		if licence == "" {
			return fmt.Errorf("%s is an unknown licence: add it to spdx", path)
		}
		all = append(all, part{path: name, licence: licence, text: bytes.TrimSpace(text), embedded: true})
		return nil
	})
	return all, err
}

// spdx names a licence by its words, "" if it is not known.
func spdx(text string) string {
	words := strings.Join(strings.Fields(text), " ")
	for _, known := range []struct{ words, name string }{
		{"Eclipse Public License - v 2.0", "EPL-2.0"}, // or the EDL, whose text follows; one is enough
		{"Apache License Version 2.0", "Apache-2.0"},
		{"Mozilla Public License Version 2.0", "MPL-2.0"},
		{"SIL OPEN FONT LICENSE Version 1.1", "OFL-1.1"},
		{"Permission is hereby granted, free of charge, to any person obtaining a copy", "MIT"},
		{"Permission to use, copy, modify, and/or distribute this software for any purpose", "0BSD"},
		{"Permission to use, copy, modify, and distribute this software for any purpose", "ISC"},
		{"Neither the name", "BSD-3-Clause"},
		{"Redistributions in binary form must reproduce", "BSD-2-Clause"},
	} {
		if strings.Contains(words, known.words) {
			return known.name
		}
	}
	return ""
}

// copyright is the file of that name that Debian requires in each package.
func copyright(p product, parts []part) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s is part of Latchkey, licensed under the Apache License, Version 2.0;\n", p.name)
	fmt.Fprintf(&b, "on Debian systems its text is in /usr/share/common-licenses/Apache-2.0.\n\n")
	fmt.Fprintf(&b, "The program contains what others have written, under these licences:\n")
	for _, part := range parts {
		fmt.Fprintf(&b, "\n%s\n%s %s (%s)\n%s\n\n%s\n", strings.Repeat("-", 72), part.path, part.version, part.licence, strings.Repeat("-", 72), part.text)
	}
	return b.Bytes()
}

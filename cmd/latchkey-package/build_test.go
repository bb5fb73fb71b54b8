package main

import (
	"os/exec"
	"testing"
	"time"
)

func TestALaterCommitIsALaterVersionForDebian(t *testing.T) {
	if _, err := exec.LookPath("dpkg"); err != nil {
		t.Skip("dpkg is not installed")
	}
	at := time.Unix(1_795_440_000, 0).UTC()
	var before string
	for _, r := range []release{
		{"f003680", at},
		{"7513761-dirty", at.Add(time.Second)},
		{"0123456", at.Add(24 * time.Hour)},
		{"v1.0.0", at},
		{"v1.0.0-3-gc8d5542", at},
		{"v1.10.0", at},
	} {
		version := r.debVersion()
		if before != "" {
			if out, err := exec.Command("dpkg", "--compare-versions", version, "gt", before).CombinedOutput(); err != nil {
				t.Errorf("%s is not above %s: %v %s", version, before, err, out)
			}
		}
		before = version
	}
}

func TestLicencesAreKnownByTheirWords(t *testing.T) {
	for text, want := range map[string]string{
		"Apache License\n    Version 2.0, January 2004":                                                                         "Apache-2.0",
		"Permission is hereby granted, free of charge,\nto any person obtaining a copy":                                         "MIT",
		"Redistributions in binary form must reproduce the above\n copyright notice\n * Neither the name of Google":             "BSD-3-Clause",
		"Redistributions in binary form must reproduce the above copyright notice":                                              "BSD-2-Clause",
		"Eclipse Public License - v 2.0\n... Redistributions in binary form must reproduce ... Neither the name of the Eclipse": "EPL-2.0",
		"All rights reserved.": "",
	} {
		if got := spdx(text); got != want {
			t.Errorf("%q is %q, not %q", text, got, want)
		}
	}
}

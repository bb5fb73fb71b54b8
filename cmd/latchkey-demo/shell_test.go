package main

import (
	"os/exec"
	"strings"
	"testing"
)

func TestWhatIsPrintedIsWhatAShellRuns(t *testing.T) {
	words := []string{"bin/latchkey-controller", "user", "--name", "Ada Lovelace", "", "it's", "a'' $HOME `id` \\ \"x\"", "*", "~", "a\nb", "é", "!x", "ssl://[::1]:8883", "!", "#"}
	out, err := exec.CommandContext(t.Context(), "sh", "-c", "printf '%s\\0' "+shell(words...)).Output()
	if got := strings.Split(string(out), "\x00"); err != nil || strings.Join(got, "\x00") != strings.Join(words, "\x00")+"\x00" {
		t.Errorf("%v: %q", err, got)
	}
	if got := shell("bin/latchkey-controller", "--dir", "var/site", "--name", "Ada Lovelace"); got != "bin/latchkey-controller --dir var/site --name 'Ada Lovelace'" {
		t.Error(got)
	}
}

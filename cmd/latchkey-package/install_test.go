package main

import (
	"strings"
	"testing"
)

func installUpgradeRemovePurge(t *testing.T, older, newer string) {
	c := newChroot(t)
	c.do("mkdir", "/var/lib/latchkey") // a partition of its own, as root mounts one
	said := c.install(older, "latchkeyd", "latchkey-controller")
	if !strings.Contains(said, "latchkeyd is not started yet") {
		t.Errorf("the first installation says %s", said)
	}
	for dir, user := range map[string]string{"/var/lib/latchkey": "latchkey", "/var/lib/latchkey-controller": "latchkey-controller"} {
		if got := strings.TrimSpace(c.do("stat", "-c", "%U %G %a", dir)); got != user+" "+user+" 700" {
			t.Errorf("%s: %s", dir, got)
		}
	}
	if _, err := c.try("test", "-e", "/etc/systemd/system/multi-user.target.wants/latchkeyd.service"); err == nil {
		t.Error("the reader is enabled before anybody has said what is wired")
	}

	// The first use, as the README says it.
	if out, err := c.try("runuser", "-u", "latchkey", "--", "latchkeyd", "check", "--config", "/etc/latchkey/latchkeyd.toml"); err == nil || !strings.Contains(out, "board.lines.strike: ") || strings.Contains(out, "config: ") {
		t.Errorf("check, where nothing is wired: %v: %s", err, out)
	}
	c.found()
	c.adopt()
	c.do("sh", "-c", "echo '# wired by Ada' >> /etc/latchkey/latchkeyd.toml")
	before := c.data()
	if !strings.Contains(before, "/var/lib/latchkey/epoch-") || !strings.Contains(before, "/var/lib/latchkey-controller/site.db") {
		t.Fatalf("nothing is kept: %s", before)
	}
	same := func(after string) {
		t.Helper()
		if now := c.data(); now != before {
			t.Errorf("after %s the data is not what it was:\n%s\n%s", after, before, now)
		}
		if config := c.do("cat", "/etc/latchkey/latchkeyd.toml"); !strings.HasSuffix(config, "# wired by Ada\n") {
			t.Errorf("after %s the config is %s", after, config)
		}
	}

	c.install(newer, "latchkeyd", "latchkey-controller")
	same("an upgrade")
	for _, program := range []string{"latchkeyd", "latchkey-controller"} {
		if got := c.do(program, "version"); got != program+" 1.0.1\n" {
			t.Errorf("after the upgrade %s is %s", program, got)
		}
	}
	c.do("dpkg", "--remove", "latchkeyd", "latchkey-controller")
	if _, err := c.try("test", "-e", "/usr/bin/latchkeyd"); err == nil {
		t.Error("removed, and the program is still there")
	}
	same("a removal")
	c.install(newer, "latchkeyd", "latchkey-controller")
	same("a new installation")
	c.as("latchkey-controller", "latchkey-controller", "check", "--dir", "/var/lib/latchkey-controller")

	c.do("dpkg", "--purge", "latchkeyd", "latchkey-controller")
	if left := c.do("find", "/", "-xdev", "-path", "/tmp", "-prune", "-o", "-path", "/proc", "-prune", "-o", "-iname", "*latchkey*", "-print"); left != "" {
		t.Errorf("after a purge there is left\n%s", left)
	}
	if users := c.do("sh", "-c", "cat /etc/passwd /etc/group /etc/shadow"); strings.Contains(users, "latchkey") {
		t.Errorf("after a purge there is left\n%s", users)
	}
}

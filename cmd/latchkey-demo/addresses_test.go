package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestATakenAddressIsNamedBeforeAnythingIsStarted(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	taken := ln.Addr().String()
	for _, flag := range []string{"listen", "second", "console", "api", "adoption", "broker"} {
		dir := filepath.Join(t.TempDir(), "var")
		d := demo{bin: "none", dir: dir}
		for name, address := range map[string]*string{"listen": &d.listen, "second": &d.second, "console": &d.console, "api": &d.api, "adoption": &d.adoption, "broker": &d.broker} {
			*address = "127.0.0.1:0"
			if name == flag {
				*address = taken
			}
		}
		err := d.run(t.Context())
		if err == nil || strings.Count(err.Error(), "nothing can listen") != 1 || !strings.Contains(err.Error(), "-"+flag+": nothing can listen at "+taken) || !strings.Contains(err.Error(), `make run ARGS="-`+flag+" 127.0.0.1:") {
			t.Errorf("%s: %v", flag, err)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s: something was set up", flag)
		}
		if flag != "broker" {
			continue
		}
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := d.keep(&facts{Broker: taken, Token: "token"}); err != nil {
			t.Fatal(err)
		}
		d.broker = "127.0.0.1:0" // which has no effect any more
		if err := d.run(t.Context()); err == nil || !strings.Contains(err.Error(), "was set up with it") || !strings.Contains(err.Error(), "-dir var/other -broker 127.0.0.1:") {
			t.Errorf("one that was set up before: %v", err)
		}
	}
}

package handover

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"latchkey/cmd/latchkeyd/internal/dnssd"
)

// near says whether a wait is what about may make of d.
func near(got, d time.Duration) bool { return got >= d*4/5 && got <= d*6/5 }

func TestAControllerIsAskedLessAndLessOftenWhileItFails(t *testing.T) {
	var cs controllers
	now := time.Unix(0, 0)
	cs.found(now, []service{{name: "a"}})
	c := cs.due(now)
	if c == nil || cs.due(now.Add(-1)) != nil {
		t.Fatal("it is not asked as soon as it is found")
	}
	for _, want := range []time.Duration{3, 6, 12, 24, 48, 60, 60} {
		cs.failed(now, c, errors.New("no"))
		if wait := c.due.Sub(now); !near(wait, want*time.Second) {
			t.Errorf("waits %v, not %v s", wait, want)
		}
	}
	for after, want := range map[time.Duration]time.Duration{20: 20, 1: 3, 3600: 60} {
		cs.failed(now, c, fmt.Errorf("ask: %w", &refusal{503, after * time.Second}))
		if wait := c.due.Sub(now); !near(wait, want*time.Second) {
			t.Errorf("waits %v after Retry-After: %d", wait, after)
		}
	}
	cs.waits(now, c, "home")
	if wait := c.due.Sub(now); !near(wait, askEvery) {
		t.Errorf("waits %v where the board waits", wait)
	}
	cs.failed(now, c, errors.New("no"))
	if wait := c.due.Sub(now); !near(wait, askEvery) || len(cs.sites()) != 0 {
		t.Errorf("waits %v after the first failure, at %v", wait, cs.sites())
	}
}

func TestControllersThatAreGoneAreForgottenOnceTheyFail(t *testing.T) {
	var cs controllers
	now := time.Unix(0, 0)
	cs.found(now, []service{{"a", []string{"1"}}, {"b", nil}, {"c", nil}})
	waiting := cs[0]
	cs.waits(now, waiting, "home")
	cs.waits(now, cs[2], "home")
	cs.found(now, []service{{"c", []string{"2"}}, {"d", nil}})
	var names []string
	for _, c := range cs {
		names = append(names, c.name)
	}
	if want := []string{"a", "c", "d"}; !reflect.DeepEqual(names, want) || cs[1].addresses[0] != "2" {
		t.Errorf("%v, not %v", names, want)
	}
	if sites := cs.sites(); !reflect.DeepEqual(sites, []string{"home"}) {
		t.Errorf("waits at %v", sites)
	}
	cs.failed(now, waiting, errors.New("no"))
	if len(cs) != 2 || cs[0].name != "c" {
		t.Errorf("%d controllers", len(cs))
	}
}

func TestTooManyControllersAreNotAskedAndSendNobodyAway(t *testing.T) {
	var cs controllers
	now := time.Unix(0, 0)
	cs.found(now, []service{{name: "home"}})
	cs.waits(now, cs[0], "home")
	var crowd []service
	for n := range 100 {
		crowd = append(crowd, service{name: fmt.Sprint(n)})
	}
	for range 3 {
		cs.found(now, crowd)
	}
	if len(cs) != dnssd.MaxServices || cs[0].name != "home" {
		t.Errorf("%d controllers", len(cs))
	}
}

func TestTheConfigNamesAnAddressAndAKeyOrNone(t *testing.T) {
	for controller, right := range map[string]bool{
		"": true, "off": true, "dns-sd": true, "doors.example.com:8447": true, "[fe80::1%eth0]:8447": true, "192.0.2.1:1": true,
		"doors.example.com": false, ":8447": false, "doors.example.com:0": false, "doors.example.com:https": false, "a:65536": false, "https://a:1": false,
	} {
		if err := (&Config{Controller: controller}).CheckController(); (err == nil) != right {
			t.Errorf("%q: %v", controller, err)
		}
	}
	const key = "4F1A 90C2 7BE3 11D8 A6E0 5C97 20B4 6D3F"
	for text, right := range map[string]bool{
		"": true, key: true, "4f1a90c27be311d8a6e05c9720b46d3f": true, "4F1A 90C2": false, key + " 00": false, "key": false,
	} {
		c := &Config{Key: text}
		if err := c.CheckKey(); (err == nil) != right {
			t.Errorf("%q: %v", text, err)
		}
		if right && !c.takes(key) || right && text != "" && c.takes("0"+key[1:]) {
			t.Errorf("%q does not mean %s", text, key)
		}
	}
}

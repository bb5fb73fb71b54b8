package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// program returns what process.command is for a program with arguments.
func (c *cluster) program(program string, args ...string) func() (*exec.Cmd, error) {
	return func() (*exec.Cmd, error) { return c.command(context.Background(), program, args...), nil }
}

func (c *cluster) startDatabase(ctx context.Context, isNew bool) error {
	if isNew {
		if err := c.postgres.initialise(ctx, &c.demo, c.known.Database, c.path("passwords")); err != nil {
			return err
		}
	}
	host, port, err := net.SplitHostPort(c.known.Database)
	if err != nil {
		return err
	}
	p := &process{name: "postgresql", stop: syscall.SIGINT, where: c.known.Database,
		log:     c.path("postgresql.log"),
		command: func() (*exec.Cmd, error) { return c.postgres.server(&c.demo, c.known.Database) }}
	return c.processes.add(ctx, p, func() bool {
		return exec.CommandContext(ctx, filepath.Join(c.postgres.bin, "pg_isready"), "--quiet", "--host", host, "--port", port).Run() == nil
	})
}

func (c *cluster) startBrokers(ctx context.Context, mosquitto string) error {
	for i, address := range c.known.Brokers {
		name := "broker-" + strconv.Itoa(i+1)
		config, err := c.mosquittoConfig(ctx, c.path("controller-1"), address, c.path(name))
		if err != nil {
			return err
		}
		if err := c.processes.add(ctx, &process{name: name, where: address, log: c.path(name + ".log"), stop: syscall.SIGTERM, command: c.program(mosquitto, "-c", config)}, answers(address)); err != nil {
			return err
		}
	}
	return nil
}

// startControllers starts the first one, which leads, and then the second one, which stands by.
func (c *cluster) startControllers(ctx context.Context) error {
	for i, address := range c.known.Consoles {
		p := &process{name: "controller-" + strconv.Itoa(i+1), stop: syscall.SIGTERM, where: "console https://" + address + "/"}
		serve := []string{"serve", "--dir", c.path(p.name), "--console", address, "--adoption", "off"}
		for _, broker := range c.known.Brokers {
			serve = append(serve, "--broker", "ssl://"+broker)
		}
		p.command = c.program("latchkey-controller", serve...)
		told := false
		p.heard = func(line string) {
			if _, link, ok := strings.Cut(line, "first sign-in "); ok {
				c.signIn = link
			}
			leads, standsBy := strings.Contains(line, ": readers come to "), strings.Contains(line, ": stands by for ")
			if leads && c.leader != nil && c.leader != p {
				c.tellLeader(p)
			}
			if leads {
				c.leader, p.ended = p, time.Time{}
			}
			told = told || leads || standsBy
		}
		if err := c.processes.add(ctx, p, func() bool { return told && c.leader != nil && answers(address)() }); err != nil {
			return err
		}
	}
	return nil
}

// tellLeader says who leads now, and how long after the last one was gone.
func (c *cluster) tellLeader(now *process) {
	after := ""
	if !c.leader.ended.IsZero() {
		after = fmt.Sprintf(", %.1f s after %s had ended", time.Since(c.leader.ended).Seconds(), c.leader.name)
	}
	say("%s leads now%s", now.name, after)
}

func (c *cluster) startReaders(ctx context.Context) error {
	for i, r := range readers {
		p := &process{name: r.id, where: "page http://" + c.known.Pages[i] + "/", stop: syscall.SIGTERM,
			command: c.program("latchkeyd", "run", "--config", c.path("readers", r.id, "latchkeyd.toml"))}
		if err := c.processes.add(ctx, p, answers(c.known.Pages[i])); err != nil {
			return err
		}
	}
	return c.processes.await(ctx, "not all readers have come: see their lines above", func() bool { return c.inStep(ctx) })
}

// inStep says whether the leader hears all readers, and they have what it has for them: a reader that was just adopted
// hears of its second broker from it.
func (c *cluster) inStep(ctx context.Context) bool {
	var list []struct {
		Live struct{ Online, Current bool }
	}
	printed, err := c.command(ctx, "latchkey-controller", "reader", "list", "--json", "--dir", c.path(c.leader.name)).Output()
	if err != nil || json.Unmarshal(printed, &list) != nil || len(list) != len(readers) {
		return false
	}
	for _, r := range list {
		if !r.Live.Online || !r.Live.Current {
			return false
		}
	}
	return true
}

// tell prints what there is, and what to try.
func (c *cluster) tell() {
	fmt.Println()
	pids := map[string]int{}
	for _, p := range c.processes.all {
		pids[p.name] = p.cmd.Process.Pid
		fmt.Printf("  %-12s  process %-7d  %s\n", p.name, p.cmd.Process.Pid, p.where)
	}
	signIn := "with name and password, at either console"
	if c.signIn != "" {
		signIn = "the first time by " + c.signIn
	}
	other := "controller-2"
	if other == c.leader.name {
		other = "controller-1"
	}
	fmt.Printf(`
  Ada's PIN     %[1]s
  Bob's card    %[2]s
  Sign in       %[3]s
                (the browser warns: the certificate is of the site's own authority)

  Tap PIN on a reader's page and type Ada's PIN, or click Bob's card. Then try this from another terminal, look at both
  consoles, and go on opening doors:

    kill -9 %-7[4]d  %[5]s, which leads: the other one leads in about four seconds
    kill -9 %-7[6]d  broker-1: the readers come to broker-2 within seconds, and back some minutes after it is back
    kill -9 %-7[7]d  PostgreSQL: PINs and cards open doors, but consoles cannot order or change anything

  This opens a door at the other controller; while none leads it says so:

    %[8]s unlock --dir %[9]s %[10]s

  What was killed is started again after %[11]g s, with another process id, which is told then. Ctrl-C ends all of it, and
  the same PIN opens the next time.

`, c.known.PIN, c.known.UID, signIn, pids[c.leader.name], c.leader.name, pids["broker-1"], pids["postgresql"],
		shell(filepath.Join(c.bin, "latchkey-controller")), shell(c.path(other)), readers[0].id, c.away.Seconds())
}

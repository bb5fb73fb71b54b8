package cluster

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"latchkey/cmd/internal/freeport"
)

// A Size is how much of everything a cell has.
type Size struct{ Brokers, Controllers, Readers int }

// A Cell is the brokers of some of the readers and the controllers that serve them there.
type Cell struct {
	Name        string
	Brokers     []*Part
	Controllers []*Controller

	addresses []string // of the brokers, in order
}

// cellName returns the name of a cell, from 0: the home cell.
func cellName(i int) string {
	if i == 0 {
		return "main"
	}
	return fmt.Sprint("cell-", i+1)
}

// openCells makes the cells of a site that is new.
func (c *Cluster) openCells(ctx context.Context, sizes []Size) error {
	readers := 0
	for i, size := range sizes {
		cell, err := c.newCell(i, size)
		if err != nil {
			return err
		}
		where := cell.flags("--broker")
		if len(sizes) > 1 {
			act := []string{"cell", "add", cell.Name}
			if i == 0 {
				act = []string{"cell", "edit", cell.Name}
			}
			if _, err := c.RunIn(ctx, c.Home(), append(act, where...)...); err != nil {
				return err
			}
			where = []string{"--cell", cell.Name}
		}
		readers += size.Readers
		if err := c.Adopt(ctx, readers, where...); err != nil {
			return err
		}
	}
	for i, cell := range c.Cells { // the brokers let in who has been adopted
		for j, broker := range cell.Brokers {
			if err := c.ConfigureMosquitto(ctx, broker.Name, cell.addresses[j], "--cell", cell.Name); err != nil {
				return err
			}
		}
		for range sizes[i].Controllers {
			if err := c.addController(ctx, cell); err != nil {
				return err
			}
		}
	}
	return nil
}

// newCell makes the parts of a cell but its controllers.
func (c *Cluster) newCell(i int, size Size) (*Cell, error) {
	cell := &Cell{Name: cellName(i)}
	for range size.Brokers {
		name := fmt.Sprint("mosquitto-", len(c.brokers())+len(cell.Brokers)+1)
		address, err := freeport.Address()
		if err != nil {
			return nil, err
		}
		cell.addresses = append(cell.addresses, address)
		cell.Brokers = append(cell.Brokers, &Part{
			Name: name,
			log:  filepath.Join(c.Dir, name+".log"),
			command: func() *exec.Cmd {
				return exec.Command(c.Mosquitto, "-c", filepath.Join(c.Dir, name, "mosquitto.conf"))
			},
			ready: func(context.Context) error {
				conn, err := net.DialTimeout("tcp", address, time.Second)
				if err != nil {
					return err
				}
				return conn.Close()
			},
		})
	}
	c.Cells = append(c.Cells, cell)
	return cell, nil
}

// flags names each broker.
func (cell *Cell) flags(flag string) (args []string) {
	for _, address := range cell.addresses {
		args = append(args, flag, "ssl://"+address)
	}
	return args
}

// addController has one more controller for a cell; the site's first is that in which it was made.
func (c *Cluster) addController(ctx context.Context, cell *Cell) error {
	dir, n := c.Home(), len(c.controllers())+1
	if n > 1 {
		dir = filepath.Join(c.Dir, fmt.Sprint("site-", n))
		if _, err := c.RunIn(ctx, dir, "join", "--database", c.address("home"), "--storage-key", filepath.Join(c.Home(), "storage.key")); err != nil {
			return err
		}
	}
	args := append([]string{"serve", "--dir", dir, "--console", "off", "--adoption", "off", "--cell", cell.Name}, cell.flags("--broker")...)
	name := fmt.Sprint("controller-", n)
	part := &Part{Name: name, log: filepath.Join(c.Dir, name+".log"), command: func() *exec.Cmd { return exec.Command(c.Site.Controller, args...) }}
	part.ready = func(context.Context) error { return nil }
	cell.Controllers = append(cell.Controllers, &Controller{part, dir})
	return nil
}

// parts returns all of a cell, brokers first.
func (cell *Cell) parts() []*Part {
	all := slices.Clone(cell.Brokers)
	for _, controller := range cell.Controllers {
		all = append(all, controller.Part)
	}
	return all
}

// names returns the names of all of a cell.
func (cell *Cell) names() string {
	var all []string
	for _, p := range cell.parts() {
		all = append(all, p.Name)
	}
	return strings.Join(all, ", ")
}

// Leader returns the controller that leads a cell, and runs; nil: there is none.
func (cell *Cell) Leader() *Controller {
	for _, controller := range cell.Controllers {
		if controller.runs() && controller.leads() {
			return controller
		}
	}
	return nil
}

// at returns the readers whose cell this is in the database, and that are at its brokers, by id.
func (c *Cluster) at(ctx context.Context, cell *Cell, at map[string]string) (readers []string, err error) {
	conn, err := c.connect(ctx, "home")
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	cells, err := cellsOf(ctx, conn)
	for reader, address := range at {
		if cells[reader] == cell.Name && slices.Contains(cell.addresses, address) {
			readers = append(readers, reader)
		}
	}
	slices.Sort(readers)
	return readers, err
}

package cluster

import (
	"fmt"
	"time"
)

// Counts are what a run has counted.
type Counts struct {
	Killed   [victims]int
	Paused   int
	Ends     int // controllers that ended by themselves
	Terms    int
	Records  int
	Acks     int              // of readers' records, that were looked for in the database when they came
	Unlooked int              // that could not be, as that was away
	Changes  int              // that commands said were made
	Doubtful int              // and those that failed
	Log      int              // length of the log
	Policies int              // stored by readers
	Orders   int              // carried out
	Unlocks  int              // that commands said were done
	Refused  int              // messages, by readers
	Moves    int              // of readers, that commands said were made
	NotMoved int              // and those that failed
	Settled  int              // readers that were seen to be of one cell only, after all of the moves
	Dark     Meanwhile        // in other cells while one had no power
	Latest   time.Duration    // an order was carried out after it had been asked for
	Took     time.Duration    // until all parts ran again, a controller led and answered all readers
	Back     time.Duration    // of that, since all parts ran again
	Waited   [3]time.Duration // and then until all records were acknowledged, the log and the policies were everywhere
}

// waited returns Waited, to be read.
func (c Counts) waited() (all [3]time.Duration) {
	for i, d := range c.Waited {
		all[i] = d.Round(100 * time.Millisecond)
	}
	return all
}

// A Meanwhile is what went on in cells while another one was without power.
type Meanwhile struct {
	Changes int           // that all readers there have taken
	Unlocks int           // that readers there have done
	Records int           // of readers there, stored
	Longest time.Duration // from one change and unlock until both were done
}

func (c Counts) String() string {
	all := fmt.Sprintf("%d leaders, %d stand-bys, %d brokers and %d times PostgreSQL killed, %d times one paused, in %v (the last %v until all readers were up, then %v until all had records acknowledged, log and policies): %d terms; %d records, each stored once (%d acknowledgements looked up at once, %d later); %d changes done and %d failed or doubtful, %d in the log; %d policies at readers; %d of %d orders said to be done, the latest %v after it was asked for; %d messages refused; controllers ended by themselves %d times",
		c.Killed[theLeader], c.Killed[aStandBy], c.Killed[aBroker], c.Killed[theServer], c.Paused, c.Took.Round(time.Second), c.Back.Round(100*time.Millisecond), c.waited(), c.Terms, c.Records, c.Acks, c.Unlooked, c.Changes, c.Doubtful, c.Log, c.Policies, c.Unlocks, c.Orders, c.Latest.Round(time.Millisecond), c.Refused, c.Ends)
	if c.Killed[aCell] > 0 {
		all += fmt.Sprintf("; %d times all of a cell was without power, or paused, and meanwhile all readers of the other took %d changes, %d doors of it were opened, %d of its records were stored, a change and a door within %v at most", c.Killed[aCell], c.Dark.Changes, c.Dark.Unlocks, c.Dark.Records, c.Dark.Longest.Round(100*time.Millisecond))
	}
	if c.Moves > 0 {
		all += fmt.Sprintf("; %d readers moved to another cell, %d not or perhaps, %d seen to be settled", c.Moves, c.NotMoved, c.Settled)
	}
	return all
}

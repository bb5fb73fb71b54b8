package console

// openDoors are the doors that everyone may open: the names of some, and how many more.
type openDoors struct {
	Some []string
	More int
}

// maxOpenDoors bounds the doors that are named where everyone may open them.
const maxOpenDoors = 4

func (all *openDoors) add(name string) {
	if len(all.Some) < maxOpenDoors {
		all.Some = append(all.Some, name)
	} else {
		all.More++
	}
}

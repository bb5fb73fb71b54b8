package main

// lanes are all scenarios. The lanes have nothing to do with one another, and start in
// this order.
func lanes() []*lane {
	return []*lane{
		{name: "door", scenarios: []scenario{
			{required: true, boots: true, what: "a stock kernel boots, with the chips on its SPI bus", prove: kernelBoots},
			{required: true, what: "latchkeyd check finds all that the config names, without being root", prove: configIsRight},
			{what: "nothing but the data partition and memory can be written", prove: diskIsReadOnly},
			{required: true, what: "the reader starts without a site, and is adopted while it runs", prove: readerIsAdopted},

			{what: "the panel, as the kernel's bus delivered it, is what the simulated board's panel shows", prove: panelIsRight},
			{what: "a PIN typed on the touch film opens the door; all the way the panel shows, pixel by pixel, what the simulated board's does", prove: pinUnlocks},
			{what: "a card opens the door", prove: cardUnlocks},
			{what: "an unknown card does not", prove: unknownCardIsRefused},
			{what: "the exit button opens once, however much it bounces, and what is shorter than a bounce does not", prove: exitButtonUnlocks},
			{what: "the door contact is followed, and a door that opens by itself is forced", prove: doorContactIsFollowed},
			{what: "tamper locks PIN entry out, and a card ends that", prove: tamperLocksOut},
			{what: "a fire holds the strike without an edge for longer than it is asked for at a time, and its end releases it", prove: fireHoldsStrike},

			{what: "latchkeyd check says by key what is wrong: a spidev or chip that is not there, a line that does not exist, lines in use", prove: wrongConfigIsReported},
			{what: "latchkeyd check says which device may not be opened, and what to do", prove: wrongPermissionsAreReported},
			{what: "a reader whose touch film and door contact are wired wrongly starts with the rest, and says so", prove: startsWithWrongWiring},
			{what: "buses and lines of chips that appear only after the reader has started are taken into use", prove: lateDevicesAreUsed},

			{what: "the reader connects to its controller through a Mosquitto on this machine, and delivers the records from before", prove: linkComesUp},
			{what: "an unlock from the controller opens the door", prove: remoteUnlocks},
			{what: "a card that the controller adds opens the door, without a restart", prove: newCardUnlocks},
			{what: "a DESFire EV3 gets keys from the controller at the reader and opens the door; a copy of it does not", prove: cardGetsKeys},
			{what: "a broker that ends changes nothing at the door", prove: worksWithoutBroker},

			{what: "libfreefare authenticates with those keys and changes each of them", prove: libfreefareUsesKeys},
			{what: "libfreefare's programs use and format a DESFire EV1, over the kernel's spidev", prove: libfreefareUsesCard},
			{what: "libnfc's nfc-list finds the emulated PN532, and the card on it, over the kernel's spidev", prove: libnfcFindsCard},

			// These end the machine.
			{what: "a full disk and a dead panel do not make the watchdog timer reset the machine", prove: watchdogIsKicked},
			{what: "a reader that has stopped does", prove: watchdogResets},
		}},
		{name: "power", scenarios: []scenario{
			{required: true, boots: true, what: "a second board, with a site of its own, comes up", prove: secondBoardBoots},
			{what: "after a reader is killed while the strike is on, the stop hook releases it", prove: stopHookReleases},
			{what: "without a stop hook the next start releases it", prove: nextStartReleases},
			{what: "a reader that is told to end releases the strike by itself", prove: stopReleases},
			{what: "a stop hook that runs before the reader has ended waits until the strike is free", prove: stopHookWaits},
			{what: "a stop hook whose config has become unreadable releases the strike that the reader drove", prove: stopHookReleasesWithoutConfig},
			{what: "ten wrong PINs lock PIN entry, and a power cut changes nothing about that", prove: lockoutOutlastsPowerCut},
			{what: "a card still opens, and ends the lockout", prove: cardEndsLockout},
		}},
		{name: "drivers", driverTests: true, scenarios: []scenario{
			{required: true, boots: true, what: "a third board comes up", prove: thirdBoardBoots},
			{what: "the driver packages' own tests pass on the machine's kernel, for arm64 and for ARMv7", prove: driverTestsPass},
			{what: "an idle reader lets the processor sleep", prove: readerIdles},
			{what: "the machine shuts down", prove: machineShutsDown},
			{required: true, boots: true, what: "the kernel's own ads7846 driver binds to the emulated XPT2046, and its events carry the touches", prove: kernelDriverReadsTouches},
			{what: "a PIN typed on the kernel's ads7846 opens the door: the reader takes any touchscreen that Linux has", prove: pinOnKernelDriverUnlocks},
		}},
		{name: "tpm", hasTPM: true, scenarios: []scenario{
			{required: true, boots: true, what: "latchkeyd check finds a TPM behind the resource manager of a fourth board's kernel", prove: boardWithTPMBoots},
			{required: true, what: "a reader with that TPM is adopted by two files, and never has the PIN key", prove: readerWithTPMIsAdopted},
			{what: "a PIN and a card open the door by keys in the TPM", prove: pinAndCardUnlockByTPM},
			{what: "after power cuts in the middle of PINs the TPM's count is not behind the answers, and the reader goes on", prove: powerCutsDuringPINs},
			{what: "without a TPM the exit button opens the door, and once it is there PINs and the controller do", prove: worksWithoutTPM},
		}},
	}
}

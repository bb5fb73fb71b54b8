// SPDX-License-Identifier: GPL-2.0
/*
 * latchkey_bench: an SPI controller with three chip selects, and a GPIO chip
 * for the pins of the chips on them, whose far side is a process that reads and
 * writes /dev/latchkey-bench. SPI core, spidev, gpiolib and its character
 * device are the kernel's own.
 *
 * Lines of the GPIO chip "latchkey-bench", levels as on the wire:
 *   outputs  0 panel-dc  1 panel-reset  2 nfc-reset  3 backlight
 *   inputs   4 touch-irq  5 nfc-irq
 *
 * A read takes the next request, struct bench_request, behind it tx bytes if
 * it is a transfer that sends; it waits for one. Each request is answered by a
 * write of struct bench_reply with kind BENCH_DONE and, if the transfer
 * receives, its bytes; until then the SPI transfer or the change of the output
 * has not happened, so both keep their order. A write with kind BENCH_INPUTS
 * moves the input lines at any time.
 *
 * While nobody has the device open MISO floats high and outputs move by
 * themselves. A peer that does not answer within timeout_ms, or that closes
 * the device, fails the transfer.
 */
#include <linux/completion.h>
#include <linux/fs.h>
#include <linux/gpio/driver.h>
#include <linux/irq.h>
#include <linux/irqdomain.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/poll.h>
#include <linux/spi/ads7846.h>
#include <linux/spi/spi.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#define BENCH_TRANSFER	1
#define BENCH_OUTPUT	2

#define BENCH_DONE	1
#define BENCH_INPUTS	2

#define BENCH_SENDS	0x01
#define BENCH_RECEIVES	0x02
#define BENCH_KEEP_CS	0x04	/* chip select stays low behind this transfer */

struct bench_request {
	__u8 kind;
	__u8 cs;
	__u8 flags;
	__u8 outputs;		/* levels of all output lines, bit n is line n */
	__u32 len;
	__u32 speed_hz;
	__u32 mode;
};

struct bench_reply {
	__u8 kind;
	__u8 inputs;		/* levels of all input lines, bit n is line n */
	__u8 edges;		/* input lines that moved, though they may be back */
	__u8 pad;
};

enum { PANEL_DC, PANEL_RESET, NFC_RESET, BACKLIGHT, TOUCH_IRQ, NFC_IRQ, NLINES };
#define OUTPUTS (BIT(PANEL_DC) | BIT(PANEL_RESET) | BIT(NFC_RESET) | BIT(BACKLIGHT))
#define INPUTS (BIT(TOUCH_IRQ) | BIT(NFC_IRQ))

enum { CS_PANEL, CS_TOUCH, CS_NFC, NCHIPS };

static unsigned int timeout_ms = 20000;
module_param(timeout_ms, uint, 0444);
MODULE_PARM_DESC(timeout_ms, "how long the peer may take for a transfer");

static char *touch = "dh2228fv";
module_param(touch, charp, 0444);
MODULE_PARM_DESC(touch, "SPI device on chip select 1: dh2228fv for spidev, or ads7846");

static struct platform_device *pdev;
static struct spi_controller *ctlr;

/* One request is under way at a time: its caller holds call_lock. */
static DEFINE_MUTEX(call_lock);

/* io_lock guards what follows, and is held while a request's memory is used. */
static DEFINE_MUTEX(io_lock);
static bool opened;
static bool waiting;		/* there is a request */
static bool taken;		/* and the peer has read it */
static struct bench_request request;
static struct spi_transfer *transfer;
static int result;
static u8 outputs = BIT(PANEL_RESET) | BIT(NFC_RESET);
static u8 inputs = INPUTS;	/* read without the lock, too */

static DECLARE_WAIT_QUEUE_HEAD(readers);
static DECLARE_COMPLETION(answered);

static unsigned int irq_types[NLINES];

/* call hands the request to the peer and waits for its answer. */
static int call(struct bench_request *r, struct spi_transfer *t)
{
	int err = 0;

	mutex_lock(&call_lock);
	mutex_lock(&io_lock);
	r->outputs = outputs;
	if (!opened) {
		if (t && t->rx_buf)
			memset(t->rx_buf, 0xff, t->len);
		goto unlock;
	}
	request = *r;
	transfer = t;
	waiting = true;
	taken = false;
	reinit_completion(&answered);
	mutex_unlock(&io_lock);
	wake_up_interruptible(&readers);

	err = wait_for_completion_timeout(&answered, msecs_to_jiffies(timeout_ms)) ? 0 : -ETIMEDOUT;
	mutex_lock(&io_lock);
	if (!waiting)
		err = result;	/* it came in the last moment, perhaps */
	waiting = false;
	transfer = NULL;
unlock:
	mutex_unlock(&io_lock);
	mutex_unlock(&call_lock);
	return err;
}

/* answer ends the request; io_lock is held. */
static void answer(int err)
{
	if (!waiting)
		return;
	waiting = false;
	result = err;
	complete(&answered);
}

/* --- the lines --- */

static int bench_get_direction(struct gpio_chip *gc, unsigned int offset)
{
	return (OUTPUTS & BIT(offset)) ? GPIO_LINE_DIRECTION_OUT : GPIO_LINE_DIRECTION_IN;
}

static int bench_direction_input(struct gpio_chip *gc, unsigned int offset)
{
	return (INPUTS & BIT(offset)) ? 0 : -EINVAL;
}

static int bench_get(struct gpio_chip *gc, unsigned int offset)
{
	u8 levels = (READ_ONCE(inputs) & INPUTS) | (READ_ONCE(outputs) & OUTPUTS);

	return !!(levels & BIT(offset));
}

static void bench_set(struct gpio_chip *gc, unsigned int offset, int value)
{
	struct bench_request r = { .kind = BENCH_OUTPUT };

	if (!(OUTPUTS & BIT(offset)))
		return;
	mutex_lock(&io_lock);
	if (value)
		outputs |= BIT(offset);
	else
		outputs &= ~BIT(offset);
	mutex_unlock(&io_lock);
	if (call(&r, NULL))
		pr_warn_ratelimited("latchkey-bench: the peer did not take an output\n");
}

static int bench_direction_output(struct gpio_chip *gc, unsigned int offset, int value)
{
	if (!(OUTPUTS & BIT(offset)))
		return -EINVAL;
	bench_set(gc, offset, value);
	return 0;
}

static int bench_irq_set_type(struct irq_data *d, unsigned int type)
{
	if (type & IRQ_TYPE_LEVEL_MASK)
		return -EINVAL;
	irq_types[irqd_to_hwirq(d)] = type & IRQ_TYPE_EDGE_BOTH;
	return 0;
}

static void bench_irq_mask(struct irq_data *d)
{
	gpiochip_disable_irq(irq_data_get_irq_chip_data(d), irqd_to_hwirq(d));
}

static void bench_irq_unmask(struct irq_data *d)
{
	gpiochip_enable_irq(irq_data_get_irq_chip_data(d), irqd_to_hwirq(d));
}

static const struct irq_chip bench_irq_chip = {
	.name = "latchkey-bench",
	.irq_mask = bench_irq_mask,
	.irq_unmask = bench_irq_unmask,
	.irq_set_type = bench_irq_set_type,
	.flags = IRQCHIP_IMMUTABLE,
	GPIOCHIP_IRQ_RESOURCE_HELPERS,
};

static const char *const line_names[NLINES] = {
	"panel-dc", "panel-reset", "nfc-reset", "backlight", "touch-irq", "nfc-irq",
};

static struct gpio_chip gc = {
	.label = "latchkey-bench",
	.owner = THIS_MODULE,
	.base = -1,
	.ngpio = NLINES,
	.names = line_names,
	.can_sleep = true,	/* an output waits for the peer */
	.get_direction = bench_get_direction,
	.direction_input = bench_direction_input,
	.direction_output = bench_direction_output,
	.get = bench_get,
	.set = bench_set,
};

/* move sets the input lines, as hardware that latches edges does. */
static void move(u8 levels, u8 edges)
{
	u8 before;
	int line;

	mutex_lock(&io_lock);
	before = inputs;
	WRITE_ONCE(inputs, levels & INPUTS);
	mutex_unlock(&io_lock);
	for (line = 0; line < NLINES; line++) {
		u8 bit = BIT(line);
		unsigned int happened = 0;

		if (!(INPUTS & bit))
			continue;
		if ((before ^ levels) & bit)
			happened = (levels & bit) ? IRQ_TYPE_EDGE_RISING : IRQ_TYPE_EDGE_FALLING;
		else if (edges & bit)
			happened = IRQ_TYPE_EDGE_BOTH;
		if (irq_types[line] & happened)
			generic_handle_domain_irq_safe(gc.irq.domain, line);
	}
}

/* --- the bus --- */

static int bench_transfer_one(struct spi_controller *c, struct spi_device *spi, struct spi_transfer *t)
{
	bool last = list_is_last(&t->transfer_list, &c->cur_msg->transfers);
	struct bench_request r = {
		.kind = BENCH_TRANSFER,
		.cs = spi->chip_select,
		.flags = (t->tx_buf ? BENCH_SENDS : 0) | (t->rx_buf ? BENCH_RECEIVES : 0),
		.len = t->len,
		.speed_hz = t->speed_hz,
		.mode = spi->mode,
	};

	/* cs_change lets chip select rise between transfers, and on the last keeps it low. */
	if (t->cs_change == last)
		r.flags |= BENCH_KEEP_CS;
	return call(&r, t);
}

/* --- the peer --- */

static int bench_open(struct inode *inode, struct file *f)
{
	int err = -EBUSY;

	mutex_lock(&io_lock);
	if (!opened) {
		opened = true;
		err = 0;
	}
	mutex_unlock(&io_lock);
	return err;
}

static int bench_release(struct inode *inode, struct file *f)
{
	mutex_lock(&io_lock);
	opened = false;
	answer(-EIO);
	mutex_unlock(&io_lock);
	return 0;
}

static ssize_t bench_read(struct file *f, char __user *b, size_t n, loff_t *pos)
{
	size_t len = sizeof(request);
	ssize_t err;

	for (;;) {
		err = wait_event_interruptible(readers, READ_ONCE(waiting) && !READ_ONCE(taken));
		if (err)
			return err;
		mutex_lock(&io_lock);
		if (waiting && !taken)
			break;
		mutex_unlock(&io_lock);
	}
	if (request.flags & BENCH_SENDS)
		len += request.len;
	err = len;
	if (n < len)
		err = -EMSGSIZE;
	else if (copy_to_user(b, &request, sizeof(request)))
		err = -EFAULT;
	else if (len > sizeof(request) && copy_to_user(b + sizeof(request), transfer->tx_buf, request.len))
		err = -EFAULT;
	else
		taken = true;
	mutex_unlock(&io_lock);
	return err;
}

static ssize_t bench_write(struct file *f, const char __user *b, size_t n, loff_t *pos)
{
	struct bench_reply r;
	size_t len = sizeof(r);
	ssize_t err = 0;

	if (n < len)
		return -EINVAL;
	if (copy_from_user(&r, b, sizeof(r)))
		return -EFAULT;
	if (r.kind == BENCH_INPUTS && n == len) {
		move(r.inputs, r.edges);
		return n;
	}
	if (r.kind != BENCH_DONE)
		return -EINVAL;
	move(r.inputs, 0);
	mutex_lock(&io_lock);
	if (!waiting || !taken) {
		err = -EPIPE;	/* too late */
	} else {
		if (request.flags & BENCH_RECEIVES)
			len += request.len;
		if (n != len)
			err = -EINVAL;
		else if (len > sizeof(r) && copy_from_user(transfer->rx_buf, b + sizeof(r), request.len))
			err = -EFAULT;
		else
			answer(0);
	}
	mutex_unlock(&io_lock);
	return err ? err : n;
}

static const struct file_operations bench_fops = {
	.owner = THIS_MODULE,
	.open = bench_open,
	.release = bench_release,
	.read = bench_read,
	.write = bench_write,
	.llseek = no_llseek,
};

static struct miscdevice bench_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "latchkey-bench",
	.fops = &bench_fops,
};

/* --- the chips --- */

static int pen_is_down(void)
{
	return !(READ_ONCE(inputs) & BIT(TOUCH_IRQ));
}

static struct ads7846_platform_data film = {
	.model = 7846,
	.vref_mv = 3300,
	.settle_delay_usecs = 20,	/* a film's first sample has not settled */
	.x_plate_ohms = 400,
	.pressure_max = 4095,
	.debounce_max = 10,
	.debounce_tol = 30,
	.debounce_rep = 1,
	.gpio_pendown = -1,
	.get_pendown_state = pen_is_down,
};

static int add_chips(void)
{
	int cs;

	for (cs = 0; cs < NCHIPS; cs++) {
		struct spi_board_info info = {
			.modalias = "dh2228fv",	/* one that spidev binds to */
			.max_speed_hz = 50000000,
			.bus_num = ctlr->bus_num,
			.chip_select = cs,
			.mode = SPI_MODE_0,
		};

		if (cs == CS_TOUCH && strcmp(touch, "dh2228fv")) {
			strscpy(info.modalias, touch, sizeof(info.modalias));
			info.max_speed_hz = 2500000;
			info.platform_data = &film;
			info.irq = irq_create_mapping(gc.irq.domain, TOUCH_IRQ);
		}
		if (!spi_new_device(ctlr, &info))
			return -ENODEV;
	}
	return 0;
}

static int __init bench_init(void)
{
	int err;

	pdev = platform_device_register_simple("latchkey-bench", PLATFORM_DEVID_NONE, NULL, 0);
	if (IS_ERR(pdev))
		return PTR_ERR(pdev);

	gc.parent = &pdev->dev;
	gpio_irq_chip_set_chip(&gc.irq, &bench_irq_chip);
	gc.irq.handler = handle_simple_irq;
	gc.irq.default_type = IRQ_TYPE_NONE;
	gc.irq.threaded = false;
	err = gpiochip_add_data(&gc, NULL);
	if (err)
		goto no_lines;

	err = misc_register(&bench_misc);
	if (err)
		goto no_peer;

	err = -ENOMEM;
	ctlr = spi_alloc_master(&pdev->dev, 0);
	if (!ctlr)
		goto no_bus;
	ctlr->bus_num = 0;
	ctlr->num_chipselect = NCHIPS;
	/* what a Raspberry Pi's controller has: no LSB first, 8 bits a word */
	ctlr->mode_bits = SPI_CPOL | SPI_CPHA | SPI_CS_HIGH | SPI_NO_CS | SPI_3WIRE;
	ctlr->bits_per_word_mask = SPI_BPW_MASK(8);
	ctlr->max_speed_hz = 125000000;
	ctlr->transfer_one = bench_transfer_one;
	err = spi_register_controller(ctlr);
	if (err) {
		spi_controller_put(ctlr);
		goto no_bus;
	}
	err = add_chips();
	if (!err)
		return 0;

	spi_unregister_controller(ctlr);
no_bus:
	misc_deregister(&bench_misc);
no_peer:
	gpiochip_remove(&gc);
no_lines:
	platform_device_unregister(pdev);
	return err;
}

static void __exit bench_exit(void)
{
	spi_unregister_controller(ctlr);
	misc_deregister(&bench_misc);
	gpiochip_remove(&gc);
	platform_device_unregister(pdev);
}

module_init(bench_init);
module_exit(bench_exit);

MODULE_DESCRIPTION("SPI controller and GPIO chip with a user-space peer, for a test bench");
MODULE_LICENSE("GPL");

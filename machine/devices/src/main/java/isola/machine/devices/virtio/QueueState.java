package isola.machine.devices.virtio;

/**
 * Volatile state of a queue.
 *
 * @param size entries, a power of two
 * @param enabled whether the driver made it live
 * @param descriptors guest physical address of the descriptor table
 * @param driver guest physical address of the available ring
 * @param device guest physical address of the used ring
 * @param nextAvailable the next available entry to take
 * @param nextUsed the next used entry to fill
 * @param broken whether the driver broke it
 */
public record QueueState(
    int size,
    boolean enabled,
    long descriptors,
    long driver,
    long device,
    int nextAvailable,
    int nextUsed,
    boolean broken) {}

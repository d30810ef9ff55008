package isola.machine.devices.virtio;

import java.util.List;

/**
 * Volatile state of feature negotiation and queue set-up.
 *
 * @param deviceSelect which half of the device features is shown
 * @param driverSelect which half of the driver features is shown
 * @param features what the driver accepted
 * @param status device status
 * @param queueSelect the queue whose registers are shown
 * @param generation configuration generation
 * @param vectors MSI-X vector of the configuration, then of each queue
 */
public record TransportState(
    int deviceSelect,
    int driverSelect,
    long features,
    int status,
    int queueSelect,
    int generation,
    List<Integer> vectors) {}

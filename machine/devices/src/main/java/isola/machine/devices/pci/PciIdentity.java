package isola.machine.devices.pci;

/**
 * Who a function says it is (PCI Local Bus 3.0, 6.2.1 and 6.2.4).
 *
 * @param vendor vendor id, 16 bits
 * @param device device id, 16 bits
 * @param classCode base class, subclass and programming interface, 24 bits
 * @param revision revision id, 8 bits
 * @param subsystemVendor subsystem vendor id, 16 bits
 * @param subsystem subsystem id, 16 bits
 */
public record PciIdentity(
    int vendor, int device, int classCode, int revision, int subsystemVendor, int subsystem) {}

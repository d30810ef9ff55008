package isola.image.debian;

import isola.image.ImageException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Chooses packages that belong together: the newest version of each over all lists, everything that
 * they need, and of alternatives the first that can be had unless another is chosen already.
 */
public final class PackageChoice {
  private final List<PackageIndex> lists;
  private final Map<String, PackageEntry> chosen = new LinkedHashMap<>();

  /** Chooses from these lists, which should be of one release. */
  public PackageChoice(List<PackageIndex> lists) {
    this.lists = List.copyOf(lists);
  }

  /** The newest package of the name, if there is one. */
  public Optional<PackageEntry> newest(String name) {
    return lists.stream()
        .flatMap(list -> list.named(name).stream())
        .max(Comparator.comparing(PackageEntry::version));
  }

  /** The newest package of each name that every installation has. */
  public List<PackageEntry> essential() {
    List<PackageEntry> found = new ArrayList<>();
    lists.stream()
        .flatMap(list -> list.essential().stream())
        .map(PackageEntry::name)
        .distinct()
        .sorted()
        .forEach(name -> newest(name).filter(PackageEntry::essential).ifPresent(found::add));
    return found;
  }

  /**
   * Chooses the given packages and all that they need.
   *
   * @return in the order of choice: the given ones first
   * @throws ImageException if something needed cannot be had, or two chosen packages exclude each
   *     other
   */
  public List<PackageEntry> withDependencies(Collection<PackageEntry> wanted)
      throws ImageException {
    chosen.clear();
    ArrayDeque<PackageEntry> unseen = new ArrayDeque<>();
    for (PackageEntry entry : wanted) {
      if (chosen.putIfAbsent(entry.name(), entry) == null) {
        unseen.add(entry);
      }
    }
    while (!unseen.isEmpty()) {
      PackageEntry entry = unseen.remove();
      for (List<Relation> group : entry.depends()) {
        if (group.stream()
            .anyMatch(relation -> chosen.values().stream().anyMatch(relation::acceptedBy))) {
          continue;
        }
        PackageEntry pick = pick(entry, group);
        chosen.put(pick.name(), pick);
        unseen.add(pick);
      }
    }
    checkConflicts();
    return List.copyOf(chosen.values());
  }

  private PackageEntry pick(PackageEntry needer, List<Relation> group) throws ImageException {
    for (Relation relation : group) {
      Optional<PackageEntry> named =
          newest(relation.name()).filter(relation::acceptedBy).filter(this::isNew);
      if (named.isPresent()) {
        return named.get();
      }
      Optional<PackageEntry> provider =
          lists.stream()
              .flatMap(list -> list.providing(relation.name()).stream())
              .map(found -> newest(found.name()).orElse(found))
              .filter(relation::acceptedBy)
              .filter(this::isNew)
              .min(
                  Comparator.comparingInt(PackageEntry::priority)
                      .thenComparing(PackageEntry::name));
      if (provider.isPresent()) {
        return provider.get();
      }
    }
    String text = String.join(" or ", group.stream().map(Relation::toString).toList());
    throw new ImageException(
        "The Debian archive has no "
            + text
            + ", which its package "
            + needer.name()
            + " needs; the mirror is incomplete.");
  }

  /** A second version of a chosen package cannot be chosen. */
  private boolean isNew(PackageEntry entry) {
    return !chosen.containsKey(entry.name());
  }

  private void checkConflicts() throws ImageException {
    for (PackageEntry entry : chosen.values()) {
      for (List<Relation> group : entry.conflicts()) {
        for (PackageEntry other : chosen.values()) {
          if (!other.equals(entry) && group.getFirst().acceptedBy(other)) {
            throw new ImageException(
                "The packages "
                    + entry.name()
                    + " and "
                    + other.name()
                    + " of the Debian archive exclude each other.");
          }
        }
      }
    }
  }
}

package isola.cli;

import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.IGetter;
import picocli.CommandLine.Model.ISetter;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;

/**
 * What commands take, told to picocli without its annotations. It reads those by reflection, for
 * which the JVM would make classes at every start that its cache cannot keep.
 */
final class Syntax {
  private Syntax() {}

  /** A command of that name, still without options and parameters. */
  static CommandSpec command(Callable<Integer> command, String name, String description) {
    CommandSpec spec = CommandSpec.wrapWithoutInspection(command).name(name);
    spec.usageMessage().description(description);
    return spec;
  }

  /** An option that is there or not. */
  static OptionSpec.Builder flag(Consumer<Boolean> to, String... names) {
    return option(Boolean.class, to, names);
  }

  /** An option with a value of a type that picocli reads by itself: text, a number, an enum. */
  static <T> OptionSpec.Builder option(Class<T> type, Consumer<T> to, String... names) {
    return option(new Value<>(type, to), names).type(type);
  }

  /** An option with a value that {@code reader} reads. */
  static <T> OptionSpec.Builder option(
      Class<T> type, ITypeConverter<T> reader, Consumer<T> to, String... names) {
    return option(type, to, names).converters(reader);
  }

  /** An option that may be repeated; {@code to} gets all its values. */
  static <T> OptionSpec.Builder options(
      Class<T> type, ITypeConverter<T> reader, Consumer<List<T>> to, String... names) {
    return option(new Values<>(to), names).type(List.class).auxiliaryTypes(type).converters(reader);
  }

  private static OptionSpec.Builder option(Binding binding, String... names) {
    return OptionSpec.builder(names).getter(binding).setter(binding).hasInitialValue(false);
  }

  /**
   * A word of a type that picocli reads by itself.
   *
   * @param index which of the words that are not options, from 0
   */
  static <T> PositionalParamSpec.Builder parameter(int index, Class<T> type, Consumer<T> to) {
    return parameter(new Value<>(type, to)).index(Integer.toString(index)).type(type);
  }

  /**
   * A word that {@code reader} reads.
   *
   * @param index which of the words that are not options, from 0
   */
  static <T> PositionalParamSpec.Builder parameter(
      int index, Class<T> type, ITypeConverter<T> reader, Consumer<T> to) {
    return parameter(index, type, to).converters(reader);
  }

  /**
   * All words from one on.
   *
   * @param index the first of them
   */
  static PositionalParamSpec.Builder parameters(int index, Consumer<List<String>> to) {
    return parameter(new Values<>(to))
        .index(index + "..*")
        .type(List.class)
        .auxiliaryTypes(String.class);
  }

  private static PositionalParamSpec.Builder parameter(Binding binding) {
    return PositionalParamSpec.builder().getter(binding).setter(binding).hasInitialValue(false);
  }

  /** Passes on what picocli has read, and keeps it: picocli adds the next value of a list to it. */
  private abstract static class Binding implements IGetter, ISetter {
    private @Nullable Object value;

    abstract void accept(Object read);

    @Override
    @SuppressWarnings({"unchecked", "NullAway", "TypeParameterUnusedInFormals"})
    public <V> V get() {
      return (V) value;
    }

    @Override
    public <V> V set(V read) {
      V before = get();
      value = read;
      accept(read);
      return before;
    }
  }

  /** One value. */
  private static final class Value<T> extends Binding {
    private final Class<T> type;
    private final Consumer<T> to;

    Value(Class<T> type, Consumer<T> to) {
      this.type = type;
      this.to = to;
    }

    @Override
    void accept(Object read) {
      to.accept(type.cast(read));
    }
  }

  /** A list of values, all of the type that the argument was declared with. */
  private static final class Values<T> extends Binding {
    private final Consumer<List<T>> to;

    Values(Consumer<List<T>> to) {
      this.to = to;
    }

    @Override
    @SuppressWarnings("unchecked")
    void accept(Object read) {
      to.accept((List<T>) read);
    }
  }
}

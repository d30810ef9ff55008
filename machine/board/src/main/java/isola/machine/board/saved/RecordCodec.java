package isola.machine.board.saved;

import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Records as trees of maps, lists, strings, numbers and truth values, which is what JSON can hold,
 * and back. A record is a map by component names; bytes are a string in Base64; other arrays and
 * lists are lists; {@code Object} stands for a tree as it is. Only public records in exported
 * packages. Any thread.
 */
public final class RecordCodec {
  private RecordCodec() {}

  /** The tree of a record. */
  public static Map<String, @Nullable Object> tree(Record value) {
    Map<String, @Nullable Object> map = new LinkedHashMap<>();
    for (RecordComponent component : value.getClass().getRecordComponents()) {
      try {
        map.put(component.getName(), node(component.getAccessor().invoke(value)));
      } catch (ReflectiveOperationException e) {
        throw new IllegalStateException("cannot read " + component, e);
      }
    }
    return map;
  }

  private static @Nullable Object node(@Nullable Object value) {
    return switch (value) {
      case null -> null;
      case Integer number -> number.longValue();
      case Long number -> number;
      case Boolean truth -> truth;
      case String text -> text;
      case Record record -> tree(record);
      case byte[] bytes -> Base64.getEncoder().encodeToString(bytes);
      case int[] numbers -> {
        List<Object> list = new ArrayList<>();
        for (int number : numbers) {
          list.add((long) number);
        }
        yield list;
      }
      case long[] numbers -> {
        List<Object> list = new ArrayList<>();
        for (long number : numbers) {
          list.add(number);
        }
        yield list;
      }
      case List<?> values -> {
        List<@Nullable Object> list = new ArrayList<>();
        values.forEach(each -> list.add(node(each)));
        yield list;
      }
      case Map<?, ?> tree -> tree;
      default ->
          throw new IllegalStateException("no form for a " + value.getClass().getSimpleName());
    };
  }

  /**
   * The record that a tree holds.
   *
   * @throws IllegalArgumentException if it holds no such record, with what is wrong
   */
  public static <R extends Record> R record(Class<R> type, @Nullable Object tree) {
    if (!(tree instanceof Map<?, ?> map)) {
      throw new IllegalArgumentException("an object is missing");
    }
    RecordComponent[] components = type.getRecordComponents();
    if (map.size() != components.length) {
      throw new IllegalArgumentException(
          "%d fields where %d belong".formatted(map.size(), components.length));
    }
    Class<?>[] types = new Class<?>[components.length];
    @Nullable Object[] values = new Object[components.length];
    for (int i = 0; i < components.length; i++) {
      String name = components[i].getName();
      if (!map.containsKey(name)) {
        throw new IllegalArgumentException("the field '%s' is missing".formatted(name));
      }
      types[i] = components[i].getType();
      Object node = map.get(name);
      try {
        // Whoever takes the record knows which of its records may be absent.
        values[i] =
            node == null && types[i].isRecord()
                ? null
                : value(components[i].getGenericType(), node);
      } catch (IllegalArgumentException e) {
        throw new IllegalArgumentException(name + ": " + e.getMessage(), e);
      }
    }
    try {
      Constructor<R> constructor = type.getDeclaredConstructor(types);
      return constructor.newInstance(values);
    } catch (InvocationTargetException e) {
      throw new IllegalArgumentException(String.valueOf(e.getCause()), e);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("cannot make a " + type.getSimpleName(), e);
    }
  }

  private static Object value(Type type, @Nullable Object node) {
    if (type == int.class || type == Integer.class) {
      long number = number(node);
      if (number != (int) number) {
        throw new IllegalArgumentException(number + " is too large");
      }
      return (int) number;
    } else if (type == long.class) {
      return number(node);
    } else if (type == boolean.class) {
      return expect(Boolean.class, node);
    } else if (type == String.class) {
      return expect(String.class, node);
    } else if (type == byte[].class) {
      return Base64.getDecoder().decode(expect(String.class, node));
    } else if (type == int[].class) {
      return list(node).stream().mapToInt(each -> (int) value(int.class, each)).toArray();
    } else if (type == long[].class) {
      return list(node).stream().mapToLong(RecordCodec::number).toArray();
    } else if (type == Object.class) {
      return expect(Object.class, node);
    } else if (type instanceof ParameterizedType generic && generic.getRawType() == List.class) {
      Type element = generic.getActualTypeArguments()[0];
      List<Object> values = new ArrayList<>();
      list(node).forEach(each -> values.add(value(element, each)));
      return List.copyOf(values);
    } else if (type instanceof Class<?> record && record.isRecord()) {
      return record(record.asSubclass(Record.class), node);
    }
    throw new IllegalStateException("no form for a " + type.getTypeName());
  }

  private static long number(@Nullable Object node) {
    return expect(Long.class, node);
  }

  private static List<?> list(@Nullable Object node) {
    return expect(List.class, node);
  }

  private static <T> T expect(Class<T> type, @Nullable Object node) {
    if (!type.isInstance(node)) {
      throw new IllegalArgumentException(
          "a %s is missing".formatted(type.getSimpleName().toLowerCase(Locale.ROOT)));
    }
    return type.cast(node);
  }
}

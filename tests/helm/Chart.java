import com.marcnuri.helm.Helm;
import java.nio.file.Files;
import java.nio.file.Path;

/** Lints a chart, then renders it once per file of values: `java Chart.java CHART OUT VALUES…`. */
class Chart {
    public static void main(String[] arguments) throws Exception {
        Helm helm = new Helm(Path.of(arguments[0]));
        Path out = Path.of(arguments[1]);
        var lint = helm.lint().strict().call();
        Files.writeString(out.resolve("lint"), (lint.isFailed() ? "failed" : "passed") + "\n" + String.join("\n", lint.getMessages()));
        for (int n = 2; n < arguments.length; n++) {
            Path values = Path.of(arguments[n]);
            String name = values.getFileName().toString().replace(".yaml", "");
            try {
                var template = helm.template().withName("cv").withNamespace("market").withKubeVersion("1.33.0").withValuesFile(values);
                Files.writeString(out.resolve(name + ".out"), template.call());
            } catch (RuntimeException refused) {
                Files.writeString(out.resolve(name + ".refused"), refused.getMessage());
            }
        }
    }
}
